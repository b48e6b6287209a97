/* load_idle.c - clients that subscribe and then do nothing, and clients that come and go.
 *   idle     opens all clients, prints "ready" and waits for the end of its standard input
 *   stalled  the same, but the clients subscribe to the topic of `fanout` in four ways, and then
 *            stop reading
 *   storm    keeps `clients` handshakes in progress until `messages` are done, and closes each
 *            connection
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/array.h"
#include "base/mem.h"
#include "client.h"
#include "load.h"

#define BATCH 200

struct idler {
    struct client client;
    struct loop_task again; /* storm: opens the next connection when this one is closed */
    uint32_t number;
    uint32_t confirmed; /* stalled: number of its subscriptions that were confirmed */
};

static struct {
    const struct load_options *o;
    struct loop *loop;
    struct idler *idlers;
    uint32_t n_open, n_subscribed;
    uint32_t n_started, n_done; /* storm */
    struct loop_io input;
    bool stalled;
} all;

/* ---- idle ---- */

static void subscribe_to(struct client *c, const char *topic)
{
    char text[160];
    int n = snprintf(text, sizeof(text),
                     "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"subscribe\",\"params\":{\"topic\":"
                     "\"%s\"}}",
                     topic);

    client_send(c, str_make(text, (size_t)n));
}

static void subscribe(struct client *c)
{
    struct idler *s = container_of(c, struct idler, client);
    char topic[32];

    (void)snprintf(topic, sizeof(topic), "room/%u/chat", s->number % all.o->topics);
    subscribe_to(c, topic);
}

/* All of these match, so stalled clients fall behind four times as fast as the readers receive. */
static const char *const floods[] = { "b/0/x", "b/+/x", "b/0/+", "b/#" };
#define FLOODS ARRAY_LEN(floods)

static void subscribe_to_floods(struct client *c)
{
    for (size_t i = 0; i < FLOODS; i++)
        subscribe_to(c, floods[i]);
}

static void open_next(void);

static void on_input(struct loop_io *io, uint32_t events)
{
    char c;

    (void)events;
    if (read(io->fd, &c, 1) <= 0)
        loop_stop(all.loop);
}

static void on_all_there(void)
{
    printf("ready\n");
    (void)fflush(stdout);
    all.input.fn = on_input;
    if (loop_watch(all.loop, &all.input, STDIN_FILENO, EPOLLIN) < 0)
        abort();
}

static void on_confirmed(struct client *c, struct str text)
{
    if (!memmem(text.p, text.n, "\"ok\"", 4))
        abort();
    if (all.stalled && ++container_of(c, struct idler, client)->confirmed < FLOODS)
        return;
    if (all.stalled)
        stream_pause(&c->stream);
    if (++all.n_subscribed == all.o->clients)
        on_all_there();
    else if (all.n_subscribed == all.n_open)
        open_next();
}

static const struct client_events idle_events = { .on_upgraded = subscribe,
                                                  .on_text = on_confirmed };

static const struct client_events stalled_events = { .on_upgraded = subscribe_to_floods,
                                                     .on_text = on_confirmed,
                                                     .may_be_dropped = true };

static void open_next(void)
{
    for (uint32_t n = 0; n < BATCH && all.n_open < all.o->clients; n++, all.n_open++) {
        all.idlers[all.n_open].number = all.n_open;
        client_open(&all.idlers[all.n_open].client, all.loop, all.o->port,
                    all.stalled ? &stalled_events : &idle_events);
    }
}

static int create(const struct load_options *o)
{
    all.o = o;
    all.idlers = mem_zalloc(o->clients * sizeof(all.idlers[0]));
    return loop_create(&all.loop);
}

int load_idle(const struct load_options *o)
{
    if (create(o) < 0)
        return EXIT_FAILURE;
    open_next();
    loop_run(all.loop);
    return EXIT_SUCCESS;
}

int load_stalled(const struct load_options *o)
{
    all.stalled = true;
    return load_idle(o);
}

/* ---- storm ---- */

static void storm_next(struct loop_task *task);

static void on_text(struct client *c, struct str text)
{
    (void)c;
    (void)text;
}

static void on_closed(struct client *c)
{
    struct idler *s = container_of(c, struct idler, client);

    if (++all.n_done == all.o->messages)
        loop_stop(all.loop);
    else if (all.n_started < all.o->messages)
        loop_at_end(all.loop, &s->again);
}

static const struct client_events storm_events = { .on_upgraded = client_close,
                                                   .on_text = on_text,
                                                   .on_closed = on_closed };

static void storm_next(struct loop_task *task)
{
    struct idler *s = container_of(task, struct idler, again);

    all.n_started++;
    client_open(&s->client, all.loop, all.o->port, &storm_events);
}

int load_storm(const struct load_options *o)
{
    struct load_cpu from, to;

    if (create(o) < 0)
        return EXIT_FAILURE;
    load_cpu_read(o, &from);
    for (uint32_t n = 0; n < o->clients && n < o->messages; n++) {
        all.idlers[n].again.fn = storm_next;
        storm_next(&all.idlers[n].again);
    }
    loop_run(all.loop);
    load_cpu_read(o, &to);
    printf("{\"handshakes\":%u,", all.n_done);
    load_cpu_print(o, &from, &to);
    printf("}\n");
    return EXIT_SUCCESS;
}
