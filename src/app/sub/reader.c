#include "app/sub/reader.h"

#include <stdlib.h>

#define ENTRY_COST 256 /* of a small one, with its head and its unit */

void reader_bound_page(const struct conn *c, struct broker_history *h)
{
    uint64_t eighth = c->worker->context->config->max_output_queue / 8;
    uint64_t entries = eighth / ENTRY_COST;

    h->max_bytes = eighth < BROKER_PAGE_BYTES ? (uint32_t)eighth : BROKER_PAGE_BYTES;
    if (h->max_entries == 0 || h->max_entries > BROKER_PAGE_ENTRIES)
        h->max_entries = BROKER_PAGE_ENTRIES;
    if (h->max_entries > entries)
        h->max_entries = entries ? (uint32_t)entries : 1;
}

bool reader_is_waiting(const struct reader *r)
{
    return list_linked(&r->link);
}

void reader_cancel(struct reader *r)
{
    list_remove(&r->link);
}

static struct conn_lane *lane_of(const struct reader *r, struct conn *c)
{
    return &c->readers[r->lane];
}

/* A join goes behind the others; a request goes on until it is done. */
static void wait_for_turn(struct reader *r, struct conn_lane *lane)
{
    if (r->lane == READER_JOINS)
        list_push(&lane->waiting, &r->link);
    else
        list_push_front(&lane->waiting, &r->link);
}

static void on_answer(struct mail *m, void *owner)
{
    struct broker_call *call = container_of(m, struct broker_call, mail);
    struct reader *r = container_of(call, struct reader, call);
    struct conn *c = worker_find(owner, r->conn);
    struct conn_lane *lane;

    if (!c) {
        (void)r->on_page(r, NULL); /* frees itself */
        return;
    }
    lane = lane_of(r, c);
    lane->is_page_under_way = false;
    if (r->on_page(r, c))
        wait_for_turn(r, lane);
    readers_pump(c);
}

static bool may_ask(const struct conn *c)
{
    bool may_send = c->state == CONN_WS || c->state == CONN_SSE || c->state == CONN_LEAVING;

    return may_send && !c->overflowed && !conn_is_half_full(c);
}

static void pump_lane(struct conn *c, struct conn_lane *lane)
{
    struct list *link;
    struct reader *r;

    if (lane->is_page_under_way || !(link = list_pop(&lane->waiting)))
        return;
    r = container_of(link, struct reader, link);
    lane->is_page_under_way = true;
    r->call.deadline = r->deadline;
    broker_call(c->worker->context->broker, &r->call);
}

void readers_pump(struct conn *c)
{
    for (size_t i = 0; may_ask(c) && i < READER_LANES; i++)
        pump_lane(c, &c->readers[i]);
}

void reader_start(struct reader *r, struct conn *c)
{
    r->worker = c->worker;
    r->conn = c->ref;
    r->call.answer = on_answer;
    r->call.port = c->worker->port;
    r->call.lane = c->ref.slot;
    r->call.op = BROKER_OP_HISTORY;
    list_push(&lane_of(r, c)->waiting, &r->link);
    readers_pump(c);
}

static void end_lane(struct conn_lane *lane)
{
    struct list *link;

    while ((link = list_pop(&lane->waiting))) {
        struct reader *r = container_of(link, struct reader, link);

        (void)r->on_page(r, NULL); /* frees itself */
    }
}

void readers_init(struct conn *c)
{
    for (size_t i = 0; i < READER_LANES; i++)
        list_init(&c->readers[i].waiting);
}

void readers_end(struct conn *c)
{
    for (size_t i = 0; i < READER_LANES; i++)
        end_lane(&c->readers[i]);
}

bool readers_wait(const struct conn *c)
{
    return !list_empty(&c->readers[READER_JOINS].waiting) ||
           !list_empty(&c->readers[READER_QUERIES].waiting);
}

void reader_take_items(struct reader *r, reader_item_fn *fn)
{
    struct broker_history *h = &r->call.history;

    for (size_t i = 0; i < h->ret_n; i++) {
        if (fn)
            fn(r, h->ret_items[i]);
        message_unref(h->ret_items[i]);
    }
    free(h->ret_items);
    free(h->ret_gaps);
    h->ret_items = NULL;
    h->ret_gaps = NULL;
    h->ret_n = 0;
}
