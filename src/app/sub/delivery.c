#include "app/sub/delivery.h"

#include "base/array.h"
#include "base/clock.h"

#define DEFLATED_PER_DELIVERY 16 /* bytes: both take a quarter of a microsecond */

/* Does not clear the arrays: head_n, id_n, event_for and deflated_for show which parts of them are
 * set. */
void delivery_init(struct delivery *d, struct worker *w, struct message *m)
{
    d->message = m;
    d->worker = w;
    d->event_for = 0;
    d->deflated_for = 0;
    d->head_n = 0;
    d->id_n = 0;
    d->n_sent = 0;
}

void delivery_done(struct delivery *d)
{
    for (size_t bits = WS_DEFLATE_MIN_BITS; d->deflated_for && bits <= WS_DEFLATE_MAX_BITS;
         bits++) {
        if (d->deflated_for & 1u << bits && d->deflated[bits])
            shared_unref(&d->deflated[bits]->shared);
    }
    for (size_t i = 0; d->event_for && i < ARRAY_LEN(d->event); i++) {
        if (d->event_for & 1u << i && d->event[i])
            shared_unref(&d->event[i]->shared);
    }
    metrics_add(d->worker->metrics, METRIC_DELIVERIES, d->n_sent);
}

/* Counts the message as deflated once for each window that a client asked for. */
uint64_t delivery_cost(const struct delivery *d)
{
    uint64_t deflated = (uint64_t)__builtin_popcount(d->deflated_for) * d->message->body.n;

    return d->n_sent + deflated / DEFLATED_PER_DELIVERY;
}

/* Observes the age of the message, which is only as accurate as the clocks of this node and of the
 * broker agree. */
void delivery_observe(struct worker *w, const struct message *m, uint64_t n)
{
    uint64_t now = clock_wall_ms();

    if (n)
        metrics_observe_us(w->metrics, METRIC_DELIVERY_SECONDS,
                           now > m->id.ms ? (now - m->id.ms) * 1000 : 0, n);
}
