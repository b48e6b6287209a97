/* conn_linger.c - everything was said: the queue is sent, then FIN, and the peer's FIN is waited
 * for. */
#include "app/conn/conn.h"
#include "app/sub/sub.h"

static void on_linger_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    conn_close(c, c->closed_as);
}

void conn_linger(struct conn *c, enum metric reason)
{
    if (c->state == CONN_LINGER || c->state == CONN_DEAD)
        return;
    c->state = CONN_LINGER;
    if (c->closed_as == METRIC_COUNT)
        c->closed_as = reason;
    sub_close_all(c);
    buf_done(&c->in);
    buf_done(&c->message);
    c->last_heard_ms = loop_now(c->worker->loop);
    stream_resume(&c->stream); /* reads on, to see the peer's end, and throws away */
    stream_shutdown(&c->stream);
    conn_set_timer(c, on_linger_timeout, CONN_LINGER_MS);
}

/* Who takes a byte now and then has as long as one from whom nothing comes. */
void conn_linger_on(struct conn *c)
{
    uint64_t most_ms = 2 * c->worker->context->config->ping_interval * 1000;
    uint64_t since_ms = loop_now(c->worker->loop) - c->last_heard_ms;

    if (!conn_was_dropped(c) && since_ms < most_ms)
        loop_timer(c->worker->loop, &c->timer, CONN_LINGER_MS);
}
