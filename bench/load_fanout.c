/* load_fanout.c - one publisher and many subscribers.
 *
 * Closed loop: a fixed number of messages is in flight at a time; a message is done when its last
 * subscriber has received it. Open loop: messages are due at fixed times, and latency counts from
 * the time at which a message was due, even if it was sent later (no coordinated omission).
 * Every subscriber checks the sequence of its topic, so lost, repeated and reordered messages are
 * counted exactly. Another client, which does not take part, pings meanwhile.
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

#define TEXT_MIN   40 /* the sequence number and the time at which it is due */
#define PING_NS    10000000
#define BATCH      200         /* connections opened at a time */
#define PATIENCE_S 20          /* for messages in flight at the end */
#define OWN_ID     "\"id\":9," /* of the publisher's requests */

struct subscriber {
    struct client client;
    uint32_t topic;
    uint64_t next; /* the next sequence number */
};

enum phase { OPENING, WARMING, MEASURING, DRAINING, OVER };

static struct fanout {
    const struct load_options *o;
    struct loop *loop;
    struct client publisher, pinger;
    struct subscriber *subs;
    uint32_t n_open;
    uint32_t n_subscribed;
    uint64_t *sent; /* number of messages per topic */
    uint32_t next_topic;
    uint64_t published, delivered, expected;
    uint64_t lost, repeated; /* or out of order */
    enum phase phase;
    uint64_t phase_ns;
    uint64_t measured, measured_ns; /* deliveries */
    struct load_cpu cpu_from, cpu_to;
    struct histogram latency, pings;
    uint64_t pinged_ns;
    bool awaits_pong;
    uint64_t due_ns; /* open loop: the next message */
    struct loop_io clock;
    struct loop_task top_up;
    char *text;
} f;

static void topic_name(char *out, size_t cap, uint32_t topic, const char *last)
{
    (void)snprintf(out, cap, "b/%u/%s", topic, last);
}

/* ---- publishing ---- */

static uint32_t audience(uint32_t topic)
{
    uint32_t all = f.o->clients / f.o->topics;

    return topic < f.o->clients % f.o->topics ? all + 1 : all;
}

static void publish(uint64_t due_ns)
{
    uint32_t topic = f.next_topic;
    char name[32];
    int n;

    f.next_topic = (topic + 1) % f.o->topics;
    topic_name(name, sizeof(name), topic, "x");
    n = sprintf(f.text,
                "{" OWN_ID "\"jsonrpc\":\"2.0\",\"method\":\"publish\",\"params\":{\"topic\":"
                "\"%s\",\"message\":\"%016" PRIu64 " %020" PRIu64 " ",
                name, f.sent[topic]++, due_ns);
    memset(f.text + n, 'x', f.o->size - TEXT_MIN + 2);
    n += (int)f.o->size - TEXT_MIN + 2;
    n += sprintf(f.text + n, "\"}}");
    client_send(&f.publisher, str_make(f.text, (size_t)n));
    f.published++;
    f.expected += audience(topic);
}

static void on_top_up(struct loop_task *task)
{
    uint64_t each = f.o->clients / f.o->topics ? f.o->clients / f.o->topics : 1;

    (void)task;
    if (f.phase != WARMING && f.phase != MEASURING)
        return;
    while (f.expected - f.delivered < f.o->window * each)
        publish(load_now_ns());
}

/* ---- phases ---- */

static void next_phase(uint64_t now)
{
    uint64_t took = now - f.phase_ns;

    f.phase++;
    f.phase_ns = now;
    if (f.phase == MEASURING) {
        load_cpu_read(f.o, &f.cpu_from);
        f.measured = f.delivered;
        f.latency = f.pings = (struct histogram){ 0 };
    } else if (f.phase == DRAINING) {
        load_cpu_read(f.o, &f.cpu_to);
        f.measured = f.delivered - f.measured;
        f.measured_ns = took;
    }
}

static bool is_over(uint64_t now, double seconds)
{
    return (double)(now - f.phase_ns) >= seconds * 1e9;
}

static void on_clock(struct loop_io *io, uint32_t events)
{
    uint64_t now = load_now_ns(), ticks;

    (void)events;
    if (read(io->fd, &ticks, sizeof(ticks)) < 0)
        return;
    if ((f.phase == WARMING && is_over(now, f.o->warmup_s)) ||
        (f.phase == MEASURING && is_over(now, f.o->seconds)))
        next_phase(now);
    if (f.phase == DRAINING && (f.delivered >= f.expected || is_over(now, PATIENCE_S))) {
        f.phase = OVER;
        loop_stop(f.loop);
    }
    if (f.o->rate && (f.phase == WARMING || f.phase == MEASURING)) {
        for (; f.due_ns <= now; f.due_ns += 1000000000u / f.o->rate)
            publish(f.due_ns);
    }
    if (f.phase != OPENING && !f.awaits_pong && now - f.pinged_ns >= PING_NS) {
        f.pinged_ns = now;
        f.awaits_pong = true;
        client_ping(&f.pinger);
    }
}

static void begin(void)
{
    f.phase = WARMING;
    f.phase_ns = f.due_ns = load_now_ns();
    if (!f.o->rate)
        loop_at_end(f.loop, &f.top_up);
}

/* ---- subscribers ---- */

static void open_next(void);

static void on_upgraded(struct client *c)
{
    struct subscriber *s = container_of(c, struct subscriber, client);
    char name[32], text[160];
    int n;

    topic_name(name, sizeof(name), s->topic, f.o->patterns ? "+" : "x");
    n = snprintf(text, sizeof(text),
                 "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"subscribe\",\"params\":{\"topic\":"
                 "\"%s\"}}",
                 name);
    client_send(c, str_make(text, (size_t)n));
}

static void on_message(struct subscriber *s, const char *text)
{
    uint64_t sequence = strtoull(text, NULL, 10);
    uint64_t due = strtoull(text + 17, NULL, 10);

    if (sequence < s->next) {
        f.repeated++;
        return;
    }
    f.lost += sequence - s->next;
    f.delivered += sequence - s->next + 1; /* lost messages are not waited for */
    s->next = sequence + 1;
    histogram_add(&f.latency, load_now_ns() - due);
    if (!f.o->rate)
        loop_at_end(f.loop, &f.top_up);
}

static void on_text(struct client *c, struct str text)
{
    static const char key[] = "\"message\":\"";
    struct subscriber *s = container_of(c, struct subscriber, client);
    const char *at = memmem(text.p, text.n, key, sizeof(key) - 1);

    if (at) {
        on_message(s, at + sizeof(key) - 1);
        return;
    }
    if (!memmem(text.p, text.n, "\"ok\"", 4)) {
        fprintf(stderr, "load: %.*s\n", STR_ARG(text));
        exit(EXIT_FAILURE);
    }
    if (++f.n_subscribed == f.o->clients)
        begin();
    else if (f.n_subscribed == f.n_open)
        open_next();
}

static const struct client_events subscriber_events = {
    .on_upgraded = on_upgraded,
    .on_text = on_text,
};

static void open_next(void)
{
    for (uint32_t i = 0; i < BATCH && f.n_open < f.o->clients; i++, f.n_open++) {
        f.subs[f.n_open].topic = f.n_open % f.o->topics;
        client_open(&f.subs[f.n_open].client, f.loop, f.o->port, &subscriber_events);
    }
}

/* ---- the publisher and the pinger ---- */

static void on_nothing(struct client *c)
{
    (void)c;
}

static void on_answer(struct client *c, struct str text)
{
    (void)c;
    if (memmem(text.p, text.n, "\"ok\"", 4))
        return;
    fprintf(stderr, "load: %.*s\n", STR_ARG(text));
    exit(EXIT_FAILURE);
}

static void on_pong(struct client *c)
{
    uint64_t now = load_now_ns();

    (void)c;
    histogram_add(&f.pings, now - f.pinged_ns);
    f.awaits_pong = false;
}

static const struct client_events other_events = {
    .on_upgraded = on_nothing,
    .on_text = on_answer,
    .on_pong = on_pong,
};

/* ---- the whole run ---- */

static void start_clock(void)
{
    const struct itimerspec every = { { 0, 1000000 }, { 0, 1000000 } }; /* 1 ms */
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    f.clock.fn = on_clock;
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0 ||
        loop_watch(f.loop, &f.clock, fd, EPOLLIN) < 0)
        abort();
}

static void print_result(void)
{
    printf("{\"deliveries\":%" PRIu64 ",\"seconds\":%.3f,\"published\":%" PRIu64
           ",\"all_deliveries\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"repeated\":%" PRIu64
           ",\"p50_us\":%.1f,\"p99_us\":%.1f,\"ping_p99_us\":%.1f,",
           f.measured, (double)f.measured_ns / 1e9, f.published, f.delivered,
           f.lost + (f.expected - f.delivered), f.repeated, histogram_us(&f.latency, 0.5),
           histogram_us(&f.latency, 0.99), histogram_us(&f.pings, 0.99));
    load_cpu_print(f.o, &f.cpu_from, &f.cpu_to);
    printf("}\n");
}

int load_fanout(const struct load_options *o)
{
    if (o->size < TEXT_MIN || loop_create(&f.loop) < 0)
        return EXIT_FAILURE;
    f.o = o;
    f.subs = mem_zalloc(o->clients * sizeof(f.subs[0]));
    f.sent = mem_zalloc(o->topics * sizeof(f.sent[0]));
    f.text = mem_alloc(o->size + 256);
    f.top_up.fn = on_top_up;
    start_clock();
    client_open(&f.publisher, f.loop, o->port, &other_events);
    client_open(&f.pinger, f.loop, o->port, &other_events);
    open_next();
    loop_run(f.loop);
    print_result();
    return EXIT_SUCCESS;
}
