#include "broker/port.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/replay.h"

#define BATCH_MIN 16

static void on_room(struct mail *m, void *owner)
{
    struct broker_port *port = container_of(m, struct broker_port, room);

    (void)owner;
    replay_on_room(port);
    port_flush(port);
}

struct broker_port *port_create(struct core *core, struct mailbox *inbox, mail_fn *on_live,
                                mail_fn *on_count)
{
    struct broker_port *port = mem_zalloc(sizeof(*port));

    port->core = core;
    port->inbox = inbox;
    port->on_live = on_live;
    port->on_count = on_count;
    port->room.fn = on_room;
    return port;
}

static void batch_free(struct live_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        message_unref(batch->items[i]);
    free(batch->gaps);
    free(batch);
}

void port_end(struct broker_port *port)
{
    replay_free(port->replay);
    port->replay = NULL;
}

void port_free(struct broker_port *port)
{
    if (!port)
        return;
    if (port->batch)
        batch_free(port->batch);
    port_end(port);
    free(port->gaps);
    free(port);
}

bool port_is_new_to(const struct broker_port *port, const struct message *m)
{
    return m->legacy || msgid_cmp(m->id, port->high_water) > 0;
}

static bool is_below(const struct broker_port *port, size_t messages, size_t bytes)
{
    return atomic_load(&port->waiting) < messages && atomic_load(&port->waiting_bytes) < bytes;
}

static bool is_half_empty(const struct broker_port *port)
{
    return is_below(port, BROKER_LIVE_MAX_MESSAGES / 2, BROKER_LIVE_MAX_BYTES / 2);
}

static bool has_room(const struct broker_port *port)
{
    return is_below(port, BROKER_LIVE_MAX_MESSAGES, BROKER_LIVE_MAX_BYTES);
}

bool port_await_room(struct broker_port *port)
{
    if (is_half_empty(port))
        return true;
    atomic_store(&port->wants_room, true);
    /* The worker may have emptied its box before it could see that. If it did see it, `room` is on
     * its way and we wait for it. */
    return is_half_empty(port) && atomic_exchange(&port->wants_room, false);
}

/* On the worker. */
void live_batch_free(struct live_batch *batch)
{
    struct broker_port *port = batch->port;

    atomic_fetch_sub(&port->waiting, batch->n);
    atomic_fetch_sub(&port->waiting_bytes, batch->bytes);
    batch_free(batch);
    if (is_half_empty(port) && atomic_load(&port->wants_room) &&
        atomic_exchange(&port->wants_room, false))
        mailbox_post(core_inbox(port->core), &port->room);
}

static struct live_batch *batch_with_room(struct broker_port *port)
{
    struct live_batch *batch = port->batch;

    if (batch && batch->n < port->batch_cap)
        return batch;
    port->batch_cap = batch ? port->batch_cap * 2 : BATCH_MIN;
    port->batch = mem_realloc(batch, sizeof(*batch) + port->batch_cap * sizeof(batch->items[0]));
    if (!batch) {
        *port->batch =
            (struct live_batch){ .port = port, .has_gap = port->has_gap, .gaps = port->gaps };
        port->has_gap = false;
        port->gaps = NULL;
    }
    return port->batch;
}

void port_post(struct broker_port *port, struct message *m)
{
    struct live_batch *batch = batch_with_room(port);

    batch->items[batch->n++] = message_ref(m);
    batch->bytes += m->body.n;
    atomic_fetch_add(&port->waiting, 1);
    atomic_fetch_add(&port->waiting_bytes, m->body.n);
    if (!m->legacy)
        port->high_water = m->id;
}

void port_gap(struct broker_port *port, struct gaps *gaps)
{
    port_flush(port);
    if (port->has_gap) {
        free(port->gaps);
        free(gaps);
        gaps = NULL;
    }
    port->has_gap = true;
    port->gaps = gaps;
    (void)port_await_room(port);
}

void port_set_high_water(struct broker_port *port, struct msgid id)
{
    port->high_water = id;
    (void)batch_with_room(port);
}

void port_flush(struct broker_port *port)
{
    struct live_batch *batch = port->batch;

    if (!batch && port->has_gap && has_room(port))
        batch = batch_with_room(port);
    if (!batch)
        return;
    port->batch = NULL;
    batch->high_water = port->high_water;
    batch->mail.fn = port->on_live;
    mailbox_post(port->inbox, &batch->mail);
}

void port_live(struct broker_port *port, struct message *m)
{
    if (!port_is_new_to(port, m))
        return;
    if (port->replay) {
        replay_hold(port, m);
        return;
    }
    if (has_room(port)) {
        port_post(port, m);
        return;
    }
    metrics_inc(core_metrics(port->core), METRIC_LIVE_STALLS);
    replay_start(port);
}
