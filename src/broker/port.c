#include "broker/port.h"

#include <stdlib.h>

#include "base/mem.h"

void port_live(struct broker_port *port, struct message *m)
{
    struct outbox *box = &port->outbox;

    if (!outbox_is_new(box, m))
        return;
    if (port->replay.is_running) {
        replay_hold(&port->replay, m);
    } else if (outbox_has_room(box)) {
        outbox_post(box, m);
    } else {
        metrics_inc(box->core->config.metrics, METRIC_LIVE_STALLS);
        replay_start(&port->replay);
    }
}

static void on_room(struct outbox *box)
{
    struct broker_port *port = container_of(box, struct broker_port, outbox);

    replay_on_room(&port->replay);
    outbox_flush(box);
}

struct broker_port *port_create(struct core *core, struct mailbox *inbox, mail_fn *on_live,
                                mail_fn *on_count)
{
    struct broker_port *port = mem_zalloc(sizeof(*port));

    outbox_init(&port->outbox, core, inbox, on_live, on_room);
    replay_init(&port->replay, &port->outbox);
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
