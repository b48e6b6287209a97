/* reader.c - takes turns in reading the log, so that its pages always fit into the output queue.
 *
 * Problem: a client may have hundreds of subscriptions that join with history, and eventlog
 * requests as well. If each asked for a page whenever it liked, all those pages could arrive at
 * once, exceed MAX_OUTPUT_QUEUE, and disconnect a client that reads as fast as it can.
 *
 * Idea: a page is asked for only when there is certain to be room for it. That is so while the
 * queue is less than half full, if at most half a queue is under way:
 *
 *     0        1/4       1/2       3/4        1     of MAX_OUTPUT_QUEUE
 *     |---- queued ------|-- join --|-- query -|
 *
 * So each of the two kinds of reader has at most one page under way. A page costs at most a quarter
 * of the queue: an eighth for the text of its entries and an eighth for their heads and units.
 * (A single entry may be larger, since a page has at least one.)
 *
 * The kinds wait in queues of their own, because a join waits as long as Redis is away (deadline
 * 0), and an eventlog request behind it could not be answered within BROKER_TIMEOUT. Joins take
 * turns page by page. An eventlog request, which collects its pages until it can answer, keeps its
 * turn to the end, so that a connection collects one answer at a time.
 *
 * Tried before: every join asked for its own pages, and none took account of the others.
 */
#include "app/sub/reader.h"

#include "app/conn/conn_budget.h"
#include "app/conn/conn_output.h"
#include "broker/catch_up.h"

#define ENTRY_COST 256 /* of a small entry, with its head and its unit in the output queue */

void reader_bound_page(const struct conn *c, struct broker_history *h)
{
    size_t bytes = conn_budget_page(c->worker->context->config);
    size_t entries = bytes / ENTRY_COST;

    h->max_bytes = bytes < BROKER_PAGE_BYTES ? (uint32_t)bytes : BROKER_PAGE_BYTES;
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

static void on_answer(struct mail *m, void *owner)
{
    struct broker_call *call = container_of(m, struct broker_call, mail);
    struct reader *r = container_of(call, struct reader, call);
    struct worker *w = owner;
    struct conn *c = conn_table_find(&w->conns, r->conn);
    struct reader_queue *queue;

    if (!c) {
        (void)r->on_page(r, NULL); /* frees the reader */
        return;
    }
    queue = &c->reader_queues[r->kind];
    queue->is_page_under_way = false;
    if (r->on_page(r, c)) {
        if (r->kind == READER_JOIN)
            list_push(&queue->waiting, &r->link);
        else
            list_push_front(&queue->waiting, &r->link);
    }
    readers_pump(c);
}

static bool may_ask(const struct conn *c)
{
    return c->state <= CONN_LEAVING && !c->overflowed && !conn_is_half_full(c);
}

/* Returns what is left of the time for all pages. */
static uint64_t timeout_ms(const struct reader *r)
{
    uint64_t now_ms = loop_now(r->worker->loop);

    if (r->deadline == 0)
        return 0;
    return r->deadline > now_ms ? r->deadline - now_ms : 1;
}

void readers_pump(struct conn *c)
{
    for (size_t i = 0; may_ask(c) && i < READER_KINDS; i++) {
        struct reader_queue *queue = &c->reader_queues[i];
        struct list *link;
        struct reader *r;

        if (queue->is_page_under_way || !(link = list_pop(&queue->waiting)))
            continue;
        r = container_of(link, struct reader, link);
        queue->is_page_under_way = true;
        r->call.timeout_ms = timeout_ms(r);
        broker_call(c->worker->context->broker, &r->call);
    }
    c->wants_room = !list_empty(&c->reader_queues[READER_JOIN].waiting) ||
                    !list_empty(&c->reader_queues[READER_QUERY].waiting);
}

static void queue_up(struct reader *r, struct conn *c)
{
    list_push(&c->reader_queues[r->kind].waiting, &r->link);
    readers_pump(c);
}

static void on_turn(struct order *o, bool is_late)
{
    struct reader *r = container_of(o, struct reader, order);

    if (!is_late) {
        queue_up(r, o->conn);
        return;
    }
    r->call.status = BROKER_NOT_DONE;
    (void)r->on_page(r, o->conn); /* frees the reader */
}

void reader_start(struct reader *r, struct conn *c)
{
    r->worker = c->worker;
    r->conn = c->ref;
    r->call.answer = on_answer;
    r->call.port = c->worker->port;
    r->call.lane = c->ref.slot;
    r->call.op = BROKER_OP_HISTORY;
    r->order.go = on_turn;
    if (r->kind == READER_JOIN ||
        !order_must_wait(c, &r->order, r->deadline - loop_now(c->worker->loop)))
        queue_up(r, c);
}

void readers_end(struct conn *c)
{
    for (size_t i = 0; i < READER_KINDS; i++) {
        struct list *link;

        while ((link = list_pop(&c->reader_queues[i].waiting))) {
            struct reader *r = container_of(link, struct reader, link);

            (void)r->on_page(r, NULL); /* frees the reader */
        }
    }
}

void reader_take_items(struct reader *r, reader_item_fn *fn)
{
    struct broker_history *h = &r->call.history;

    for (size_t i = 0; fn && i < h->ret_n; i++)
        fn(r, h->ret_items[i]);
    catch_up_drop_page(h);
}
