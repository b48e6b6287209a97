/* fanout.c - live messages on their way to all ports, and the node's replay in front of them.
 *
 * When the feed joins again, the node reads once what it missed. Meanwhile live messages are held
 * back, in one place; the replay passes them to the ports in their order, as if the feed had
 * brought them all. `passed` is the node's mark: everything up to it went to the ports. A port that
 * is ahead, because it read the log for itself, drops what it has.
 *
 * The node must not wait for a slow worker. So it reads as fast as the fastest of the ports that
 * are not behind; a port whose outbox fills up reads the log for itself (port.c).
 */
#include "broker/fanout.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/port.h"

#define TELL_MS 1000 /* between two marks that are posted without a message */

static struct fanout *fanout_of(struct replay *r)
{
    return container_of(r, struct fanout, replay);
}

static void on_flush(struct loop_task *task)
{
    struct fanout *f = container_of(task, struct fanout, flush);

    core_share_newest(f->core);
    for (size_t i = 0; i < f->n_ports; i++)
        outbox_flush(&f->ports[i]->outbox);
}

/* ---- to the ports ---- */

static void pass(struct fanout *f, struct message *m)
{
    if (!m->legacy)
        f->passed = msgid_later(f->passed, m->id);
    for (size_t i = 0; i < f->n_ports; i++)
        port_live(f->ports[i], m);
}

/* Moves the marks up: nothing up to the id is still to come. */
static void raise_marks(struct fanout *f, struct msgid id, bool tells)
{
    f->passed = msgid_later(f->passed, id);
    for (size_t i = 0; i < f->n_ports; i++) {
        struct outbox *box = &f->ports[i]->outbox;

        if (f->ports[i]->replay.is_running || msgid_cmp(id, box->high_water) <= 0)
            continue;
        box->high_water = id;
        if (tells)
            outbox_set_high_water(box, id);
    }
}

/* ---- the node's replay ---- */

static void on_deliver(struct replay *r, struct message *m)
{
    pass(fanout_of(r), m);
}

static void on_gap(struct replay *r, struct gaps *gaps)
{
    struct fanout *f = fanout_of(r);

    for (size_t i = 0; i < f->n_ports; i++)
        port_gap(f->ports[i], gaps);
    free(gaps);
}

static void on_reached(struct replay *r, struct msgid snapshot_end)
{
    raise_marks(fanout_of(r), snapshot_end, false);
}

static bool has_room(struct replay *r)
{
    struct fanout *f = fanout_of(r);
    bool has_port = false;

    for (size_t i = 0; i < f->n_ports; i++) {
        if (f->ports[i]->replay.waits_for_node)
            return true;
        if (f->ports[i]->replay.is_running)
            continue;
        if (outbox_await_room(&f->ports[i]->outbox))
            return true;
        has_port = true;
    }
    return !has_port;
}

static void after_page(struct replay *r)
{
    struct fanout *f = fanout_of(r);

    loop_at_end(f->core->loop, &f->flush);
    if (r->is_running)
        return;
    f->core->node_replay = NULL;
    for (size_t i = 0; i < f->n_ports; i++)
        replay_on_node_end(&f->ports[i]->replay);
}

static const struct replay_ops replay_ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .has_room = has_room,
    .after_page = after_page,
};

/* ---- what the engines call ---- */

void fanout_live(struct fanout *f, struct message *m)
{
    metrics_inc(f->core->config.metrics, METRIC_MESSAGES_FEED);
    if (!m->legacy && msgid_cmp(m->id, f->core->high_water) > 0)
        f->core->high_water = m->id;
    if (f->replay.is_running)
        replay_hold(&f->replay, m);
    else
        pass(f, m);
    message_unref(m);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_resync(struct fanout *f)
{
    if (!f->core->config.cache) {
        metrics_inc(f->core->config.metrics, METRIC_REPLAY_GAPS);
        fanout_gap(f);
        return;
    }
    f->core->node_replay = &f->replay;
    replay_start(&f->replay, f->passed);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_gap(struct fanout *f)
{
    for (size_t i = 0; i < f->n_ports; i++)
        outbox_gap(&f->ports[i]->outbox, NULL);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_purged(struct fanout *f, struct str topic, struct msgid id)
{
    for (size_t i = 0; i < f->n_ports; i++) {
        struct replay *r = &f->ports[i]->replay;

        if (r->waits_for_node)
            catch_up_purge_page(&r->call.history, topic, id);
    }
}

void fanout_set_high_water(struct fanout *f, struct msgid id)
{
    f->core->high_water = id;
    if (msgid_is_zero(f->passed))
        raise_marks(f, id, true);
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_raise_high_water(struct fanout *f, struct msgid id)
{
    uint64_t now_ms = loop_now(f->core->loop);
    bool tells = now_ms - f->told_ms >= TELL_MS;

    f->core->high_water = msgid_later(f->core->high_water, id);
    if (f->replay.is_running)
        return; /* what it holds back and what it still reads are below the id */
    raise_marks(f, id, tells);
    if (tells)
        f->told_ms = now_ms;
    loop_at_end(f->core->loop, &f->flush);
}

void fanout_init(struct fanout *f, struct core *core)
{
    *f = (struct fanout){ .core = core, .flush.fn = on_flush };
    replay_init(&f->replay, core, &replay_ops);
}

void fanout_add(struct fanout *f, struct broker_port *port)
{
    port->index = f->n_ports;
    f->ports = mem_array(f->ports, f->n_ports + 1, sizeof(f->ports[0]));
    f->ports[f->n_ports++] = port;
}

void fanout_end(struct fanout *f)
{
    replay_end(&f->replay);
    f->core->node_replay = NULL;
    for (size_t i = 0; i < f->n_ports; i++)
        port_end(f->ports[i]);
}

void fanout_done(struct fanout *f)
{
    replay_end(&f->replay);
    for (size_t i = 0; i < f->n_ports; i++)
        port_free(f->ports[i]);
    free(f->ports);
}
