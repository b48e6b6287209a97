/* newcomers.c - a crowd that connects at once must not delay the clients that are there.
 *
 * Problem: after an outage of the network, thousands of clients connect at once and send their
 * handshakes. epoll reports ready descriptors in turn, 256 at a time. So the ping of another client
 * waits until each of them has been served once, which takes 25 us each, or a millisecond with TLS.
 *
 * Idea: a new connection is cheap to put aside, and its client has waited for the network anyway.
 * So a turn reads only some of the newcomers that are ready. The others wait in a queue, and epoll
 * does not report them until they have been read:
 *
 *     ready      n1 n2 ... n64 | n65 ... n190  A   B       (n: newcomers, A and B: other clients)
 *     turn 1     serves n1..n64, A, B; queues n65..n190
 *     turn 2     serves n65..n128, and A again
 *     turn 3     serves n129..n190, and newcomers that have become ready
 *
 * A is served in each turn, whatever the length of the queue. If more than 256 descriptors are
 * ready, A may be behind them, so the share is small until all have been put aside. The share also
 * ends after SHARE_US, because TLS handshakes are expensive.
 *
 * A connection is a newcomer until its first request is complete, so all steps up to there count:
 * the PROXY header, the flights of TLS, and pieces of the request. A WebSocket stays one until its
 * first frame is complete, because all clients of a crowd subscribe right after their handshakes.
 * Answers and history then come at the same pace. Newcomers within the share cost no system call
 * more.
 *
 * Rejected: to skip newcomers beyond the share and have epoll report them again in the next turn
 * (they would take up the 256 events of each turn, and some might wait for ever); to limit the
 * connections that are accepted but have made no request (clients that connect and send nothing
 * would keep all others out).
 */
#include "app/conn/newcomers.h"

#include "app/conn/conn_data.h"
#include "base/clock.h"

#define SHARE_US 5000

/* Counts one more newcomer in this turn. False: the share is used up. */
static bool take_share(struct worker *w)
{
    struct newcomers *n = &w->newcomers;
    unsigned most = loop_is_crowded(w->loop) ? NEWCOMERS_SHARE_CROWDED : NEWCOMERS_SHARE;
    uint64_t now_us = clock_mono_us();

    if (n->n_read == 0) {
        n->from_us = now_us;
        loop_at_end(w->loop, &n->end);
    }
    if (n->n_read >= most || now_us - n->from_us >= SHARE_US)
        return false;
    n->n_read++;
    return true;
}

bool newcomers_may_read(struct conn *c)
{
    struct worker *w = c->worker;

    if (list_empty(&w->newcomers.waiting) && take_share(w))
        return true;
    list_push(&w->newcomers.waiting, &c->throttled);
    return false;
}

static void on_next_turn(struct loop_task *task)
{
    struct newcomers *n = container_of(task, struct newcomers, next);
    struct worker *w = container_of(n, struct worker, newcomers);

    while (!list_empty(&n->waiting) && take_share(w)) {
        struct conn *c = container_of(list_pop(&n->waiting), struct conn, throttled);

        stream_go_on(&c->stream);
    }
}

static void on_end(struct loop_task *task)
{
    struct newcomers *n = container_of(task, struct newcomers, end);
    struct worker *w = container_of(n, struct worker, newcomers);

    n->n_read = 0;
    if (!list_empty(&n->waiting))
        loop_next_turn(w->loop, &n->next);
}

void newcomers_init(struct worker *w)
{
    list_init(&w->newcomers.waiting);
    w->newcomers.next.fn = on_next_turn;
    w->newcomers.end.fn = on_end;
}
