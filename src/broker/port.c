#include "broker/port.h"

#include <stdlib.h>

#include "base/mem.h"

static struct outbox *outbox_of(struct replay *r)
{
    return &container_of(r, struct broker_port, replay)->outbox;
}

/* ---- the replay ---- */

static void on_deliver(struct replay *r, struct message *m)
{
    outbox_post(outbox_of(r), m);
}

static void on_gap(struct replay *r, struct gaps *gaps)
{
    outbox_gap(outbox_of(r), gaps);
}

static void on_reached(struct replay *r, struct msgid snapshot_end)
{
    outbox_of(r)->high_water = snapshot_end;
}

static bool has_room(struct replay *r)
{
    return outbox_await_room(outbox_of(r));
}

static void after_page(struct replay *r)
{
    outbox_flush(outbox_of(r));
}

static const struct replay_ops replay_ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .has_room = has_room,
    .after_page = after_page,
};

/* ---- live messages ---- */

void port_live(struct broker_port *port, struct message *m)
{
    struct outbox *box = &port->outbox;

    if (!outbox_is_new(box, m))
        return;
    if (port->replay.is_running) {
        replay_hold(&port->replay, m);
        return;
    }
    if (outbox_has_room(box)) {
        outbox_post(box, m);
        return;
    }
    metrics_inc(box->core->config.metrics, METRIC_LIVE_STALLS);
    if (box->core->config.cache) {
        replay_start(&port->replay, box->high_water);
        return;
    }
    metrics_inc(box->core->config.metrics, METRIC_REPLAY_GAPS);
    outbox_gap(box, NULL);
}

void port_gap(struct broker_port *port, const struct gaps *gaps)
{
    if (port->replay.is_running)
        catch_up_interrupted(&port->replay.machine);
    else
        outbox_gap(&port->outbox, gaps ? gaps_create(gaps->topics, gaps->n) : NULL);
}

static void on_room(struct outbox *box)
{
    struct broker_port *port = container_of(box, struct broker_port, outbox);

    replay_on_room(&port->replay);
    if (box->core->node_replay)
        replay_on_room(box->core->node_replay);
    outbox_flush(box);
}

struct broker_port *port_create(struct core *core, struct mailbox *inbox, mail_fn *on_live,
                                mail_fn *on_count)
{
    struct broker_port *port = mem_zalloc(sizeof(*port));

    outbox_init(&port->outbox, core, inbox, on_live, on_room);
    replay_init(&port->replay, core, &replay_ops);
    port->on_count = on_count;
    return port;
}

void port_end(struct broker_port *port)
{
    replay_end(&port->replay);
    outbox_end(&port->outbox);
}

void port_free(struct broker_port *port)
{
    if (!port)
        return;
    port_end(port);
    free(port);
}
