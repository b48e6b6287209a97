#include "app/conn/conn_ping.h"

#include "base/clock.h"

/* Returns UINT64_MAX if the token never expires. */
static uint64_t until_expiry_ms(const struct conn *c)
{
    uint64_t expires_ms = auth_expires_ms(c->auth);
    uint64_t now_ms = clock_wall_ms();

    if (expires_ms == 0)
        return UINT64_MAX;
    return expires_ms > now_ms ? expires_ms - now_ms : 0;
}

uint64_t conn_ping_interval_ms(const struct conn *c)
{
    return c->worker->context->config->ping_interval * 1000;
}

void conn_ping_timer(struct conn *c, timer_fn *fn, uint64_t after_ms)
{
    uint64_t expiry_ms = until_expiry_ms(c);

    conn_set_timer(c, fn, expiry_ms < after_ms ? expiry_ms : after_ms);
}

bool conn_ping_token_expired(const struct conn *c)
{
    uint64_t expires_ms = auth_expires_ms(c->auth);

    return expires_ms && clock_wall_ms() >= expires_ms;
}

void conn_ping_check_tokens(struct worker *w)
{
    struct conn *c;
    uint32_t slot = 0;

    while ((c = conn_table_next(&w->conns, &slot))) {
        if (c->state == CONN_OPEN && c->protocol->ends_with_token && conn_ping_token_expired(c))
            loop_timer(w->loop, &c->timer, 0);
    }
}
