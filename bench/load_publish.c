/* load_publish.c - publishers, each with a fixed number of publishes in flight. Measures how many
 * are answered per second, and how long one takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "histogram.h"
#include "load.h"

/* Remembers when each publish in flight was sent. Answers come in the order of the requests. */
struct publisher {
    struct client client;
    uint32_t number;
    uint32_t first, n;
    uint64_t *sent_ns; /* a ring of window */
};

static struct {
    const struct load_options *o;
    struct loop *loop;
    struct publisher *publishers;
    bool measuring;
    uint64_t answered, failed;
    uint64_t from_ns, took_ns;
    struct load_cpu cpu_from, cpu_to;
    struct histogram latency;
    struct loop_io clock;
    char *padding;
    char *text;
} p;

static void publish(struct publisher *from)
{
    int n = sprintf(p.text,
                    "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"publish\",\"params\":{\"topic\":"
                    "\"p/%u/x\",\"message\":\"%s\"}}",
                    from->number % p.o->topics, p.padding);

    from->sent_ns[(from->first + from->n++) % p.o->window] = load_now_ns();
    client_send(&from->client, str_make(p.text, (size_t)n));
}

static void on_upgraded(struct client *c)
{
    struct publisher *from = container_of(c, struct publisher, client);

    while (from->n < p.o->window)
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
    publish(from);
}

static const struct client_events events = { .on_upgraded = on_upgraded, .on_text = on_text };

/* Called when the warm-up is over, and again at the end. */
static void on_clock(struct loop_io *io, uint32_t ready)
{
    const struct itimerspec rest = { .it_value = { (time_t)p.o->seconds, 1 } };

    (void)ready;
    if (p.measuring) {
        p.took_ns = load_now_ns() - p.from_ns;
        load_cpu_read(p.o, &p.cpu_to);
        loop_stop(p.loop);
        return;
    }
    p.measuring = true;
    p.from_ns = load_now_ns();
    load_cpu_read(p.o, &p.cpu_from);
    (void)timerfd_settime(io->fd, 0, &rest, NULL);
}

static void start_clock(void)
{
    const struct itimerspec warm = { .it_value = { (time_t)p.o->warmup_s, 1 } };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    p.clock.fn = on_clock;
    if (fd < 0 || timerfd_settime(fd, 0, &warm, NULL) < 0 ||
        loop_watch(p.loop, &p.clock, fd, EPOLLIN) < 0)
        abort();
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
        p.publishers[i].number = i;
        p.publishers[i].sent_ns = mem_zalloc(o->window * sizeof(uint64_t));
        client_open(&p.publishers[i].client, p.loop, o->port, &events);
    }
    start_clock();
    loop_run(p.loop);
    print_result();
    return EXIT_SUCCESS;
}
