/* load_subscribe.c - clients that subscribe, resume and receive; and one that pings.
 *   subscribe  subscribes `clients` clients to the topics p/<first>/x and those that follow it: one
 *              subscription for each topic or, if there are more clients than topics, for each
 *              client. Prints how long that took, then waits for the end of its standard input,
 *              and prints what arrived. With `point` the subscriptions ask for the history after
 *              that id.
 *   ping       pings on one connection, every 5 ms, until the end of its standard input. A ping
 *              that is due while another is under way counts from the time at which it was due (no
 *              coordinated omission).
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

#define PING_NS 5000000u

struct subscriber {
    struct client client;
    uint32_t next; /* its next subscription */
};

static struct {
    const struct load_options *o;
    struct loop *loop;
    struct subscriber *subscribers;
    uint32_t n_subscriptions, n_confirmed, n_recovered;
    uint64_t messages, gaps;
    uint64_t from_ns;
    struct load_cpu cpu_from;
    struct histogram latency; /* of confirmations, from the start; of pings, from the ping */
    struct loop_io input;
} s;

static void on_input(struct loop_io *io, uint32_t events)
{
    char c;

    (void)events;
    if (read(io->fd, &c, 1) <= 0)
        loop_stop(s.loop);
}

static void watch_input(void)
{
    s.input.fn = on_input;
    if (loop_watch(s.loop, &s.input, STDIN_FILENO, EPOLLIN) < 0)
        abort();
}

/* ---- subscribe ---- */

static void subscribe(struct subscriber *from)
{
    char text[256], since[64] = "";
    int n;

    if (s.o->point)
        (void)snprintf(since, sizeof(since), ",\"sinceEventId\":\"%s\"", s.o->point);
    n = snprintf(text, sizeof(text),
                 "{\"id\":%u,\"jsonrpc\":\"2.0\",\"method\":\"subscribe\",\"params\":{\"topic\":"
                 "\"p/%u/x\"%s%s}}",
                 from->next, s.o->first + from->next % s.o->topics, since,
                 s.o->gaps ? ",\"gaps\":true" : "");
    from->next += s.o->clients;
    client_send(&from->client, str_make(text, (size_t)n));
}

static void on_upgraded(struct client *c)
{
    struct subscriber *from = container_of(c, struct subscriber, client);

    for (uint32_t n = 0; n < s.o->window && from->next < s.n_subscriptions; n++)
        subscribe(from);
}

static void on_all_confirmed(void)
{
    uint64_t took = load_now_ns() - s.from_ns;
    struct load_cpu now;

    load_cpu_read(s.o, &now);
    printf("{\"subscriptions\":%u,\"recovered\":%u,\"seconds\":%.3f,\"p50_us\":%.1f,",
           s.n_confirmed, s.n_recovered, (double)took / 1e9, histogram_us(&s.latency, 0.5));
    load_cpu_print(s.o, &s.cpu_from, &now);
    printf("}\n");
    (void)fflush(stdout);
    watch_input();
}

static void on_confirmed(struct subscriber *from, struct str text)
{
    if (!memmem(text.p, text.n, "\"ok\"", 4)) {
        fprintf(stderr, "load: %.*s\n", STR_ARG(text));
        exit(EXIT_FAILURE);
    }
    if (memmem(text.p, text.n, "\"recovered\":true", 16))
        s.n_recovered++;
    histogram_add(&s.latency, load_now_ns() - s.from_ns);
    if (from->next < s.n_subscriptions)
        subscribe(from);
    if (++s.n_confirmed == s.n_subscriptions)
        on_all_confirmed();
}

static void on_text(struct client *c, struct str text)
{
    if (memmem(text.p, text.n, "\"message\":\"", 11) && !memmem(text.p, text.n, "\"error\"", 7))
        s.messages++;
    else if (memmem(text.p, text.n, "\"action\":\"gap\"", 14))
        s.gaps++;
    else
        on_confirmed(container_of(c, struct subscriber, client), text);
}

static const struct client_events subscriber_events = { .on_upgraded = on_upgraded,
                                                        .on_text = on_text };

int load_subscribe(const struct load_options *o)
{
    if (loop_create(&s.loop) < 0)
        return EXIT_FAILURE;
    s.o = o;
    s.n_subscriptions = o->topics > o->clients ? o->topics : o->clients;
    s.subscribers = mem_zalloc(o->clients * sizeof(s.subscribers[0]));
    s.from_ns = load_now_ns();
    load_cpu_read(o, &s.cpu_from);
    for (uint32_t i = 0; i < o->clients; i++) {
        s.subscribers[i].next = i;
        client_open(&s.subscribers[i].client, s.loop, o->port, &subscriber_events);
    }
    loop_run(s.loop);
    printf("{\"messages\":%" PRIu64 ",\"gaps\":%" PRIu64 "}\n", s.messages, s.gaps);
    return EXIT_SUCCESS;
}

/* ---- ping ---- */

static struct {
    struct client client;
    struct loop_io clock;
    uint64_t sent_ns;
    bool awaits_pong;
} pinger;

static void on_clock(struct loop_io *io, uint32_t events)
{
    uint64_t ticks;

    (void)events;
    if (read(io->fd, &ticks, sizeof(ticks)) < 0 || !pinger.client.upgraded || pinger.awaits_pong)
        return;
    pinger.sent_ns = load_now_ns();
    pinger.awaits_pong = true;
    client_ping(&pinger.client);
}

static void on_pong(struct client *c)
{
    (void)c;
    pinger.awaits_pong = false;
    for (uint64_t now = load_now_ns(); pinger.sent_ns < now; pinger.sent_ns += PING_NS)
        histogram_add(&s.latency, now - pinger.sent_ns);
}

static void on_ready(struct client *c)
{
    (void)c;
    printf("{}\n");
    (void)fflush(stdout);
}

static void on_nothing(struct client *c, struct str text)
{
    (void)c;
    (void)text;
}

static const struct client_events ping_events = { .on_upgraded = on_ready,
                                                  .on_text = on_nothing,
                                                  .on_pong = on_pong };

int load_ping(const struct load_options *o)
{
    const struct itimerspec every = { { 0, PING_NS }, { 0, PING_NS } };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    pinger.clock.fn = on_clock;
    if (loop_create(&s.loop) < 0 || fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0 ||
        loop_watch(s.loop, &pinger.clock, fd, EPOLLIN) < 0)
        return EXIT_FAILURE;
    client_open(&pinger.client, s.loop, o->port, &ping_events);
    watch_input();
    loop_run(s.loop);
    printf("{\"pings\":%" PRIu64 ",\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
           s.latency.count, histogram_us(&s.latency, 0.5), histogram_us(&s.latency, 0.99),
           histogram_us(&s.latency, 1));
    return EXIT_SUCCESS;
}
