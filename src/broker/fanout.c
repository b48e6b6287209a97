#include "broker/fanout.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/port.h"

static void on_flush(struct loop_task *task)
{
    struct fanout *f = container_of(task, struct fanout, flush);

    core_share_newest(f->core);
    for (size_t i = 0; i < f->n_ports; i++)
        outbox_flush(&f->ports[i]->outbox);
}

void fanout_live(struct fanout *f, struct message *m)
{
    metrics_inc(f->core->config.metrics, METRIC_MESSAGES_FEED);
    if (!m->legacy && msgid_cmp(m->id, f->core->high_water) > 0)
        f->core->high_water = m->id;
    for (size_t i = 0; i < f->n_ports; i++)
        port_live(f->ports[i], m);
    message_unref(m);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_resync(struct fanout *f)
{
    for (size_t i = 0; i < f->n_ports; i++)
        replay_start(&f->ports[i]->replay);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_gap(struct fanout *f)
{
    for (size_t i = 0; i < f->n_ports; i++)
        outbox_gap(&f->ports[i]->outbox, NULL);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_set_high_water(struct fanout *f, struct msgid id)
{
    f->core->high_water = id;
    for (size_t i = 0; i < f->n_ports; i++) {
        struct outbox *box = &f->ports[i]->outbox;

        if (msgid_is_zero(box->high_water))
            outbox_set_high_water(box, id);
    }
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_init(struct fanout *f, struct core *core)
{
    *f = (struct fanout){ .core = core, .flush.fn = on_flush };
}

void fanout_add(struct fanout *f, struct broker_port *port)
{
    f->ports = mem_array(f->ports, f->n_ports + 1, sizeof(f->ports[0]));
    f->ports[f->n_ports++] = port;
}

void fanout_end(struct fanout *f)
{
    for (size_t i = 0; i < f->n_ports; i++)
        port_end(f->ports[i]);
}

void fanout_done(struct fanout *f)
{
    for (size_t i = 0; i < f->n_ports; i++)
        port_free(f->ports[i]);
    free(f->ports);
}
