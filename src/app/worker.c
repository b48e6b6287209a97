#include "app/worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/conn/compression.h"
#include "app/conn/conn.h"
#include "app/sub/live.h"
#include "app/sub/sub_presence.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/acceptor.h"
#include "proto/ws.h"

#define NO_SLOT       UINT32_MAX
#define CHORES_MS     1000
#define DRAIN_TICK_MS 32

struct conn_ref worker_add(struct worker *w, struct conn *c)
{
    struct conn_slot *slot;
    uint32_t i = w->free_slot;

    if (i == NO_SLOT) {
        i = w->n_slots++;
        if ((i & (i - 1)) == 0) /* full at each power of two */
            w->slots = mem_array(w->slots, i ? (size_t)i * 2 : 1, sizeof(w->slots[0]));
        w->slots[i] = (struct conn_slot){ .generation = 1, .next_free = NO_SLOT };
    }
    slot = &w->slots[i];
    w->free_slot = slot->next_free;
    slot->conn = c;
    w->n_conns++;
    if (c->listener->is_internal) {
        w->n_internal++;
    } else {
        metrics_inc(w->metrics, METRIC_CONNECTIONS);
        metrics_inc(w->metrics, METRIC_CONNECTS);
    }
    return (struct conn_ref){ .slot = i, .generation = slot->generation };
}

/* Also what clients published who have gone is waited for. */
static void report_drained(struct worker *w)
{
    if (!w->draining || w->drained || w->n_conns || w->pending_bytes)
        return;
    w->drained = true;
    mailbox_post(w->main_box, &w->drained_mail);
}

void worker_remove(struct worker *w, struct conn_ref ref)
{
    struct conn_slot *slot = &w->slots[ref.slot];

    assert(slot->conn && slot->generation == ref.generation);
    if (slot->conn->listener->is_internal) {
        w->n_internal--;
    } else {
        metrics_add(w->metrics, METRIC_CONNECTIONS, -1);
        metrics_inc(w->metrics, METRIC_DISCONNECTS);
    }
    slot->conn = NULL;
    slot->generation++;
    slot->next_free = w->free_slot;
    w->free_slot = ref.slot;
    w->n_conns--;
    report_drained(w);
}

struct conn *worker_find(const struct worker *w, struct conn_ref ref)
{
    const struct conn_slot *slot = &w->slots[ref.slot];

    return slot->generation == ref.generation ? slot->conn : NULL;
}

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
    const struct listener *from = &w->context->listeners->at[got->listener];

    if (w->stopped || is_full(w, from)) {
        metrics_inc(w->metrics, METRIC_REFUSED_CONNECTIONS);
        close(got->fd);
    } else {
        conn_open(w, got->fd, &got->peer, from);
    }
    free(got);
}

static void on_chores(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, chores);

    metrics_set(w->metrics, METRIC_LOOP_DELAY_MS, loop_take_longest_turn_us(w->loop) / 1000);
    output_check(w);
    loop_timer(w->loop, t, CHORES_MS);
}

/* Shares of time: the n-th of our clients in the n-th, and in it the workers one after the other.
 */
static bool is_next_due(const struct worker *w, uint64_t now_ms)
{
    const struct drain_plan *plan = &w->drain_plan;
    uint64_t gone_ms = now_ms - w->drain_from_ms;
    uint64_t place = (uint64_t)w->n_told * plan->turns + plan->turn;

    return gone_ms >= plan->spread_ms ||
           place * plan->spread_ms <= gone_ms * w->n_to_tell * plan->turns;
}

static void on_drain(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, drain);
    uint64_t now_ms = loop_now(w->loop);

    while (w->drain_slot < w->n_slots && is_next_due(w, now_ms)) {
        struct conn *c = w->slots[w->drain_slot++].conn;

        if (!c)
            continue;
        conn_drain(c);
        w->n_told++;
    }
    if (now_ms >= w->drain_until_ms)
        w->drain_slot = 0; /* those that wait for something, and those that came meanwhile */
    report_drained(w);
    if (!w->drained)
        loop_timer(w->loop, t, DRAIN_TICK_MS);
}

/* Who waits for nothing need not wait for a turn. */
static void end_idle(struct worker *w)
{
    for (uint32_t i = 0; i < w->n_slots; i++) {
        struct conn *c = w->slots[i].conn;

        if (c && !conn_drain_idle(c))
            w->n_to_tell++;
    }
}

static void on_drain_mail(struct mail *m, void *owner)
{
    struct worker *w = owner;

    (void)m;
    w->drain_from_ms = loop_now(w->loop);
    w->drain_until_ms = w->drain_from_ms + w->drain_plan.spread_ms;
    w->draining = true;
    end_idle(w);
    on_drain(&w->drain);
}

/* What the drain did not end in time is reset. */
static void on_stop_mail(struct mail *m, void *owner)
{
    struct worker *w = owner;

    (void)m;
    w->drained = w->stopped = true;
    for (uint32_t i = 0; i < w->n_slots; i++) {
        struct conn *c = w->slots[i].conn;

        if (!c)
            continue;
        stream_reset_on_close(&c->stream);
        c->closed_as = METRIC_CLOSED_RESET;
        conn_close(c, METRIC_CLOSED_RESET);
    }
    loop_stop(w->loop);
}

static struct shared *make_ping(void)
{
    char frame[WS_HEAD_MAX];

    return &bytes_copy(str_make(frame, ws_encode_head(frame, WS_OP_PING, 0)))->shared;
}

int worker_create(const struct context *context, unsigned index, struct metrics_cell *metrics,
                  struct worker **ret_worker)
{
    struct worker *w = mem_zalloc(sizeof(*w));

    w->context = context;
    w->index = index;
    w->metrics = metrics;
    w->free_slot = NO_SLOT;
    w->trie = trie_create();
    w->everybody = auth_everything();
    w->ping = make_ping();
    if (context->config->enable_compression)
        w->compression = compression_create(context->config, metrics);
    w->drain_mail.fn = on_drain_mail;
    w->stop_mail.fn = on_stop_mail;
    list_init(&w->throttled);
    live_init(w);
    output_init(w);
    timer_init(&w->chores, on_chores);
    timer_init(&w->drain, on_drain);
    if (loop_create(&w->loop) < 0 || mailbox_create(w->loop, w, &w->inbox) < 0) {
        worker_free(w);
        return EH_EIO;
    }
    w->port = broker_port_open(context->broker, w->inbox, live_on_batch, sub_presence_on_count);
    loop_timer(w->loop, &w->chores, CHORES_MS);
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
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        return EH_EIO;
    return EH_OK;
}

void worker_drain(struct worker *w, const struct drain_plan *plan, struct mailbox *main_box,
                  mail_fn *on_drained)
{
    w->drain_plan = *plan;
    w->main_box = main_box;
    w->drained_mail.fn = on_drained;
    mailbox_post(w->inbox, &w->drain_mail);
}

void worker_stop(struct worker *w)
{
    mailbox_post(w->inbox, &w->stop_mail);
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    while (w->inbox && mailbox_drain(w->inbox))
        ; /* answers to clients that are gone, sockets nobody will serve */
    live_end(w);
    timer_stop(&w->chores);
    timer_stop(&w->drain);
    mailbox_free(w->inbox);
    loop_free(w->loop);
    trie_free(w->trie);
    auth_free(w->everybody);
    shared_unref(w->ping);
    compression_free(w->compression);
    free(w->slots);
    free(w);
}
