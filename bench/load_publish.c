/* load_publish.c - publishers, each with a fixed number of publishes in flight. Measures how many
 * are answered per second, and how long one takes. With a rate, one publisher publishes at fixed
 * times. With a number of messages, there is no warm-up, and the run ends with the last answer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/mem.h"
#include "client.h"
#include "load.h"

/* Remembers when each publish in flight was sent. Answers come in the order of the requests. */
struct publisher {
    struct client client;
    uint32_t first, n;
    uint64_t *sent_ns; /* a ring of window */
};

static struct {
    const struct load_options *o;
    struct loop *loop;
    struct publisher *publishers;
    bool measuring;
    uint64_t answered, failed;
    uint64_t published; /* so many have been sent; the next topic follows from it */
    uint64_t from_ns, took_ns;
    struct load_cpu cpu_from, cpu_to;
    struct histogram latency;
    struct loop_io clock, pace;
    char *padding;
    char *text;
} p;

static void publish(struct publisher *from)
{
    int n = sprintf(p.text,
                    "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"publish\",\"params\":{\"topic\":"
                    "\"p/%u/x\",\"message\":\"%s\"}}",
                    p.o->first + (uint32_t)(p.published++ % p.o->topics), p.padding);

    from->sent_ns[(from->first + from->n++) % p.o->window] = load_now_ns();
    client_send(&from->client, str_make(p.text, (size_t)n));
}

static void begin(void)
{
    p.measuring = true;
    p.from_ns = load_now_ns();
    load_cpu_read(p.o, &p.cpu_from);
}

static void end(void)
{
    p.took_ns = load_now_ns() - p.from_ns;
    load_cpu_read(p.o, &p.cpu_to);
    loop_stop(p.loop);
}

static bool is_done(void)
{
    return p.o->messages && p.published == p.o->messages;
}

static void on_upgraded(struct client *c)
{
    struct publisher *from = container_of(c, struct publisher, client);

    while (!p.o->rate && from->n < p.o->window && !is_done())
        publish(from);
}

static void on_text(struct client *c, struct str text)
{
    struct publisher *from = container_of(c, struct publisher, client);
    uint64_t sent = from->sent_ns[from->first];

    from->first = (from->first + 1) % p.o->window;
    from->n--;
    if (!memmem(text.p, text.n, "\"ok\"", 4))
        p.failed++;
    if (p.measuring) {
        p.answered++;
        histogram_add(&p.latency, load_now_ns() - sent);
    }
    if (!p.o->rate && !is_done())
        publish(from);
    if (p.o->messages && p.answered == p.o->messages)
        end();
}

static const struct client_events events = { .on_upgraded = on_upgraded, .on_text = on_text };

/* Called when the warm-up is over, and again at the end. */
static void on_clock(struct loop_io *io, uint32_t ready)
{
    const struct itimerspec rest = { .it_value = { (time_t)p.o->seconds, 1 } };

    (void)ready;
    if (p.measuring) {
        end();
        return;
    }
    begin();
    (void)timerfd_settime(io->fd, 0, &rest, NULL);
}

/* Publishes that are due. One that finds the window full is left out: it is not made up for. */
static void on_pace(struct loop_io *io, uint32_t ready)
{
    struct publisher *from = &p.publishers[0];
    uint64_t due;

    (void)ready;
    if (read(io->fd, &due, sizeof(due)) < 0 || !from->client.upgraded)
        return;
    for (; due && from->n < p.o->window && !is_done(); due--)
        publish(from);
}

static void start_clock(struct loop_io *clock, loop_io_fn *fn, struct itimerspec when)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    clock->fn = fn;
    if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0 ||
        loop_watch(p.loop, clock, fd, EPOLLIN) < 0)
        abort();
}

static void start_clocks(void)
{
    long every = p.o->rate ? 1000000000L / p.o->rate : 0;
    struct itimerspec pace = { { 0, every }, { 0, every } };
    struct itimerspec warm = { .it_value = { (time_t)p.o->warmup_s, 1 } };

    if (p.o->rate)
        start_clock(&p.pace, on_pace, pace);
    if (p.o->messages)
        begin();
    else
        start_clock(&p.clock, on_clock, warm);
}

static void print_result(void)
{
    printf("{\"published\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f,\"per_s\":%.0f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,",
           p.answered, p.failed, (double)p.took_ns / 1e9,
           (double)p.answered * 1e9 / (double)p.took_ns, histogram_us(&p.latency, 0.5),
           histogram_us(&p.latency, 0.99));
    load_cpu_print(p.o, &p.cpu_from, &p.cpu_to);
    printf("}\n");
}

int load_publish(const struct load_options *o)
{
    if (loop_create(&p.loop) < 0)
        return EXIT_FAILURE;
    p.o = o;
    p.publishers = mem_zalloc(o->clients * sizeof(p.publishers[0]));
    p.padding = mem_zalloc(o->size + 1);
    memset(p.padding, 'x', o->size);
    p.text = mem_alloc(o->size + 256);
    for (uint32_t i = 0; i < o->clients; i++) {
        p.publishers[i].sent_ns = mem_zalloc(o->window * sizeof(uint64_t));
        client_open(&p.publishers[i].client, p.loop, o->port, &events);
    }
    start_clocks();
    loop_run(p.loop);
    print_result();
    return EXIT_SUCCESS;
}
