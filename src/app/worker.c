/* worker.c - a worker's thread: its loop, its mail, and how it ends.
 *
 * A worker owns its connections and subscriptions alone, so nothing in it needs a lock. Everything
 * from outside comes through its inbox: accepted sockets (from the acceptor), messages and answers
 * (from the broker), drain and stop (from main). One turn of its loop:
 *
 *     wait | sockets, TLS, inbox | timers | deliver, settle | send | check total output | free
 *
 * Output is queued in the middle of a turn and sent near its end, so everything that one turn has
 * for a client leaves in one system call. Memory is freed last, when no caller of this turn can
 * still hold a pointer to it.
 *
 * A drain spreads the closes over time, so that the clients do not all reconnect to the other
 * servers at the same moment. Connections between two HTTP requests are closed at once, the others
 * (each WebSocket and event stream) when their turn comes. Each worker divides the time into as
 * many slots as it has such clients and closes one in each; within a slot the workers take turns.
 * With two workers of two clients each and 4 s:
 *
 *     worker 0   c0          c1
 *     worker 1         c0          c1
 *                |-----|-----|-----|-----|
 *                0     1     2     3     4 s: all connections that are left are ended now
 *
 * The worker is drained when it has no connection and no unanswered request; publishes of clients
 * that have disconnected count, too. It reports that to main once, and its loop goes on. The stop
 * resets the connections that are left and ends the loop. Mail may still come until the broker has
 * stopped: answers for connections that are gone, and sockets that are no longer served.
 * worker_free empties the inbox.
 */
#include "app/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/conn/compression.h"
#include "app/conn/conn.h"
#include "app/conn/conn_ping.h"
#include "app/conn/newcomers.h"
#include "app/conn/order.h"
#include "app/conn/output_limit.h"
#include "app/http/api_worker.h"
#include "app/http/conn_http.h"
#include "app/sub/live.h"
#include "app/sub/sub_presence.h"
#include "app/sub/wants.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "broker/broker.h"
#include "hub/revoked.h"
#include "hub/trie.h"
#include "net/acceptor.h"

#define CHORES_MS     1000
#define DRAIN_TICK_MS 32
#define LEAD_SLACK_MS 500 /* turns take time, and the wall clock may drift */

struct worker_thread {
    struct worker worker; /* the part that the other rooms see */
    struct mailbox *inbox;
    pthread_t thread;
    struct timer chores;
    struct timer drain;
    uint64_t lead_ms;       /* by which the wall clock was ahead of the loop's at the last chores */
    struct drain_plan plan; /* set by main before it posts drain_mail */
    uint64_t drain_from_ms; /* loop_now; closes are spread from here to drain_until_ms */
    uint32_t drain_slot;    /* the next slot to look at */
    uint32_t n_to_tell;     /* connections when the drain began, without the idle ones */
    uint32_t n_told;
    struct mail drain_mail;
    struct mail stop_mail;
    struct mail drained_mail; /* to main, once */
    struct mailbox *main_box;
    bool drained;
    bool stopped;
};

static struct worker_thread *thread_of(struct worker *w)
{
    return container_of(w, struct worker_thread, worker);
}

/* ---- accepted sockets ---- */

static bool is_full(const struct worker *w, const struct listener *from)
{
    const struct context *ctx = w->context;
    uint64_t n = 0;

    if (from->is_internal)
        return w->n_internal >= WORKER_MAX_INTERNAL;

    for (size_t i = 0; i < ctx->n_workers; i++)
        n += metrics_get(ctx->workers[i], METRIC_CONNECTIONS);
    return n >= ctx->max_connections;
}

void worker_on_accepted(struct mail *m, void *owner)
{
    struct accepted *got = container_of(m, struct accepted, mail);
    struct worker *w = owner;
    const struct listener *from = &w->context->listeners[got->listener];

    if (thread_of(w)->stopped || is_full(w, from)) {
        metrics_inc(w->metrics, METRIC_REFUSED_CONNECTIONS);
        close(got->fd);
    } else {
        conn_open(w, got->fd, &got->peer, from, &conn_http);
    }
    free(got);
}

/* ---- once a second ---- */

/* Looks for expired tokens if the two clocks have moved against each other. */
static void compare_clocks(struct worker_thread *t)
{
    uint64_t lead_ms = clock_wall_ms() - loop_now(t->worker.loop);
    int64_t moved_ms = (int64_t)(lead_ms - t->lead_ms);

    if (moved_ms >= -LEAD_SLACK_MS && moved_ms <= LEAD_SLACK_MS)
        return;
    t->lead_ms = lead_ms;
    conn_ping_check_tokens(&t->worker);
}

/* Removes revoked tokens that have ended, a step at a time, which takes a minute for the largest
 * table. One worker does it for all. */
static void forget_revoked(const struct worker *w)
{
    struct revoked *revoked = w->context->revoked;

    (void)revoked_expire(revoked, clock_wall_ms());
    metrics_set(w->metrics, METRIC_REVOKED, revoked_count(revoked));
}

static void on_chores(struct timer *timer)
{
    struct worker_thread *t = container_of(timer, struct worker_thread, chores);
    struct worker *w = &t->worker;

    compare_clocks(t);
    metrics_set(w->metrics, METRIC_LOOP_DELAY_MS, loop_take_longest_turn_us(w->loop) / 1000);
    output_limit_check(w);
    api_worker_end_revoked(w);
    if (w->index == 0)
        forget_revoked(w);
    loop_timer(w->loop, timer, CHORES_MS);
}

/* ---- drain ---- */

/* Reports the end of the drain once. Also waits for publishes of clients that have disconnected. */
static void report_drained(struct worker_thread *t)
{
    const struct worker *w = &t->worker;

    if (!w->draining || t->drained || w->conns.n_conns || w->pending_bytes)
        return;
    t->drained = true;
    mailbox_post(t->main_box, &t->drained_mail);
}

static void on_empty(struct conn_table *conns)
{
    report_drained(thread_of(container_of(conns, struct worker, conns)));
}

static bool is_next_due(const struct worker_thread *t, uint64_t now_ms)
{
    const struct drain_plan *plan = &t->plan;
    uint64_t gone_ms = now_ms - t->drain_from_ms;
    uint64_t place = (uint64_t)t->n_told * plan->turns + plan->turn;

    return gone_ms >= plan->spread_ms ||
           place * plan->spread_ms <= gone_ms * t->n_to_tell * plan->turns;
}

static void on_drain(struct timer *timer)
{
    struct worker_thread *t = container_of(timer, struct worker_thread, drain);
    struct worker *w = &t->worker;
    uint64_t now_ms = loop_now(w->loop);
    struct conn *c;

    while (is_next_due(t, now_ms) && (c = conn_table_next(&w->conns, &t->drain_slot))) {
        conn_drain(c);
        t->n_told++;
    }
    if (now_ms >= w->drain_until_ms)
        t->drain_slot = 0; /* once more, for connections that still wait or came meanwhile */
    report_drained(t);
    if (!t->drained)
        loop_timer(w->loop, timer, DRAIN_TICK_MS);
}

static void on_drain_mail(struct mail *m, void *owner)
{
    struct worker *w = owner;
    struct worker_thread *t = thread_of(w);
    struct conn *c;
    uint32_t slot = 0;

    (void)m;
    t->drain_from_ms = loop_now(w->loop);
    w->drain_until_ms = t->drain_from_ms + t->plan.spread_ms;
    w->draining = true;
    while ((c = conn_table_next(&w->conns, &slot))) {
        if (!conn_end_idle(c))
            t->n_to_tell++; /* waits for its turn */
    }
    on_drain(&t->drain);
}

void worker_drain(struct worker *w, const struct drain_plan *plan, struct mailbox *main_box,
                  mail_fn *on_drained)
{
    struct worker_thread *t = thread_of(w);

    t->plan = *plan;
    t->main_box = main_box;
    t->drained_mail.fn = on_drained;
    mailbox_post(t->inbox, &t->drain_mail);
}

/* ---- stop ---- */

static void on_stop_mail(struct mail *m, void *owner)
{
    struct worker *w = owner;
    struct worker_thread *t = thread_of(w);
    struct conn *c;
    uint32_t slot = 0;

    (void)m;
    t->drained = t->stopped = true;
    while ((c = conn_table_next(&w->conns, &slot))) {
        stream_reset_on_close(&c->stream);
        c->closed_as = METRIC_CLOSED_RESET;
        conn_close(c, METRIC_CLOSED_RESET);
    }
    loop_stop(w->loop);
}

void worker_stop(struct worker *w)
{
    mailbox_post(thread_of(w)->inbox, &thread_of(w)->stop_mail);
}

void worker_join(struct worker *w)
{
    pthread_join(thread_of(w)->thread, NULL);
}

/* ---- questions ---- */

static void on_count(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);

    if (part->question && thread_of(owner)->stopped)
        broker_counted(part); /* nobody is connected */
    else if (part->question)
        api_worker_ask(owner, part);
    else
        sub_presence_on_count(m, owner);
}

/* ---- create, start, free ---- */

int worker_create(const struct context *context, unsigned index, struct metrics_cell *metrics,
                  struct worker **ret_worker)
{
    struct worker_thread *t = mem_zalloc(sizeof(*t));
    struct worker *w = &t->worker;
    char ping[WS_HEAD_MAX];

    w->context = context;
    w->index = index;
    w->author_id = siphash_key_random().k0;
    w->metrics = metrics;
    w->trie = trie_create();
    w->wants = wants_create();
    w->everybody = auth_everything();
    w->ping = &bytes_copy(str_make(ping, ws_encode_head(ping, WS_OP_PING, 0)))->shared;
    if (context->config->enable_compression)
        w->compression = compression_create(context->config, metrics);
    list_init(&w->throttled);
    list_init(&w->walks);
    conn_table_init(&w->conns, on_empty);
    newcomers_init(w);
    order_init(w);
    live_init(w);
    output_limit_init(w);
    t->drain_mail.fn = on_drain_mail;
    t->stop_mail.fn = on_stop_mail;
    timer_init(&t->chores, on_chores);
    timer_init(&t->drain, on_drain);
    if (loop_create(&w->loop) < 0 || mailbox_create(w->loop, w, &t->inbox) < 0) {
        worker_free(w);
        return EH_EIO;
    }
    w->port = broker_port_open(context->broker, t->inbox, live_on_batch, on_count);
    loop_timer(w->loop, &t->chores, CHORES_MS);
    *ret_worker = w;
    return EH_OK;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    char name[16];

    (void)snprintf(name, sizeof(name), "worker-%u", w->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
    loop_run(w->loop);
    return NULL;
}

int worker_start(struct worker *w)
{
    return pthread_create(&thread_of(w)->thread, NULL, worker_main, w) == 0 ? EH_OK : EH_EIO;
}

struct mailbox *worker_inbox(struct worker *w)
{
    return thread_of(w)->inbox;
}

void worker_free(struct worker *w)
{
    struct worker_thread *t;

    if (!w)
        return;
    t = thread_of(w);
    while (t->inbox && mailbox_drain(t->inbox))
        ; /* answers for connections that are gone, sockets that are no longer served */
    api_worker_end(w);
    live_end(w);
    timer_stop(&t->chores);
    timer_stop(&t->drain);
    timer_stop(&w->held_timer);
    mailbox_free(t->inbox);
    loop_free(w->loop);
    wants_free(w->wants);
    trie_free(w->trie);
    auth_free(w->everybody);
    shared_unref(w->ping);
    compression_free(w->compression);
    conn_table_done(&w->conns);
    free(t);
}
