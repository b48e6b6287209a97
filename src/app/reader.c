#include "app/reader.h"

#include <stdlib.h>

#include "base/clock.h"

uint32_t reader_page_bytes(const struct conn *c)
{
    uint64_t quarter = c->worker->context->config->max_output_queue / 4;

    return quarter < BROKER_PAGE_BYTES ? (uint32_t)quarter : BROKER_PAGE_BYTES;
}

bool reader_is_waiting(const struct reader *r)
{
    return list_linked(&r->link);
}

void reader_cancel(struct reader *r)
{
    list_remove(&r->link);
}

static void wait_for_turn(struct reader *r, struct conn *c)
{
    if (r->keeps_turn)
        list_push_front(&c->readers, &r->link);
    else
        list_push(&c->readers, &r->link);
}

static void on_answer(struct mail *m, void *owner)
{
    struct broker_call *call = container_of(m, struct broker_call, mail);
    struct reader *r = container_of(call, struct reader, call);
    struct conn *c = worker_find(owner, r->conn);

    if (!c) {
        (void)r->on_page(r, NULL); /* frees itself */
        return;
    }
    c->is_page_under_way = false;
    if (r->on_page(r, c))
        wait_for_turn(r, c);
    readers_pump(c);
}

static bool may_ask(const struct conn *c)
{
    bool may_send = c->state == CONN_WS || c->state == CONN_SSE || c->state == CONN_LEAVING;

    return may_send && !c->overflowed && !c->is_page_under_way && !conn_is_half_full(c);
}

void readers_pump(struct conn *c)
{
    struct list *link;
    struct reader *r;

    if (!may_ask(c) || !(link = list_pop(&c->readers)))
        return;
    r = container_of(link, struct reader, link);
    c->is_page_under_way = true;
    r->call.deadline = r->timeout_ms ? clock_mono_ms() + r->timeout_ms : 0;
    broker_call(c->worker->context->broker, &r->call);
}

void reader_start(struct reader *r, struct conn *c)
{
    r->worker = c->worker;
    r->conn = c->ref;
    r->call.answer = on_answer;
    r->call.port = c->worker->port;
    r->call.lane = c->ref.slot;
    r->call.op = BROKER_OP_HISTORY;
    list_push(&c->readers, &r->link);
    readers_pump(c);
}

void readers_end(struct conn *c)
{
    struct list *link;

    while ((link = list_pop(&c->readers))) {
        struct reader *r = container_of(link, struct reader, link);

        (void)r->on_page(r, NULL); /* frees itself */
    }
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
    h->ret_items = NULL;
    h->ret_n = 0;
}
