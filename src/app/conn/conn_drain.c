/* conn_drain.c - how a connection ends when the server goes away. What was taken from a client is
 * answered first. One that has not said what it wants has a moment to do so from its turn on, the
 * body of a POST has the time of the drain; the answer ends the connection (conn_http.c).
 */
#include "app/conn/conn.h"

bool conn_drain_idle(struct conn *c)
{
    bool was_used = c->last_heard_ms != 0; /* a new one is about to send something */

    if (c->state != CONN_HTTP || !was_used || buf_used(&c->in))
        return false;
    conn_linger(c, METRIC_CLOSED_DRAIN);
    return true;
}

static void give_up(struct conn *c)
{
    if (c->state == CONN_BODY || c->state == CONN_WAITING)
        http_post_give_up(c);
    else if (stream_is_handshaking(&c->stream))
        conn_close(c, METRIC_CLOSED_DRAIN); /* nothing can be said yet */
    else
        conn_linger(c, METRIC_CLOSED_DRAIN);
}

static void on_late(struct timer *t)
{
    give_up(container_of(t, struct conn, timer));
}

void conn_drain(struct conn *c)
{
    bool time_is_up = loop_now(c->worker->loop) >= c->worker->drain_until_ms;

    switch (c->state) {
    case CONN_WS:
    case CONN_LEAVING:
        conn_ws_leave(c, WS_CLOSE_GOING_AWAY, METRIC_CLOSED_DRAIN);
        conn_settle(c); /* requests that wait are not executed any more */
        break;
    case CONN_SSE: conn_linger(c, METRIC_CLOSED_DRAIN); break;
    case CONN_HTTP:
        if (time_is_up)
            give_up(c);
        else
            conn_set_timer(c, on_late, CONN_LINGER_MS);
        break;
    case CONN_BODY:
    case CONN_WAITING:
        if (time_is_up)
            give_up(c);
        break;
    case CONN_CLOSING:
    case CONN_LINGER:
    case CONN_DEAD: break; /* on the way out */
    }
}
