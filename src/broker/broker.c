#include "broker/broker.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/core.h"
#include "broker/port.h"
#include "broker/replay.h"

struct core {
    struct broker_config config;
    const struct engine_ops *ops;
    void *engine; /* NULL before open and after close */
    struct loop *loop;
    struct mailbox *inbox;
    struct loop_task flush; /* posts the batches of this turn */
    struct msgid high_water;
    struct msgid answered; /* the highest id that a publish was answered with */
    struct broker_port **ports;
    size_t n_ports;
    atomic_bool ready;
};

struct broker {
    struct core core;
    pthread_t thread;
    bool started;
    struct mail start;
    struct mail stop;
};

struct loop *core_loop(struct core *core)
{
    return core->loop;
}

struct mailbox *core_inbox(struct core *core)
{
    return core->inbox;
}

struct metrics_cell *core_metrics(struct core *core)
{
    return core->config.metrics;
}

bool core_has_log(const struct core *core)
{
    return core->config.cache;
}

void *core_engine(struct core *core)
{
    return core->engine;
}

size_t core_port_count(const struct core *core)
{
    return core->n_ports;
}

struct broker_port *core_port(const struct core *core, size_t i)
{
    return core->ports[i];
}

struct msgid core_high_water(const struct core *core)
{
    return core->high_water;
}

struct msgid core_newest(const struct core *core)
{
    return msgid_cmp(core->answered, core->high_water) > 0 ? core->answered : core->high_water;
}

void core_set_high_water(struct core *core, struct msgid id)
{
    core->high_water = id;
    for (size_t i = 0; i < core->n_ports; i++) {
        if (msgid_is_zero(core->ports[i]->high_water))
            port_set_high_water(core->ports[i], id);
    }
    loop_at_end(core->loop, &core->flush);
}

void core_set_ready(struct core *core, bool ready)
{
    atomic_store(&core->ready, ready);
    metrics_set(core->config.metrics, METRIC_BROKER_CONNECTED, ready);
}

void core_call(struct core *core, struct broker_call *call)
{
    metrics_add(core->config.metrics, METRIC_BROKER_QUEUE, 1);
    if (core->engine)
        core->ops->call(core->engine, call);
    else
        core_answer(core, call, BROKER_NOT_DONE);
}

static void note_publish(struct core *core, const struct broker_call *call)
{
    struct metrics_cell *m = core->config.metrics;

    if (call->status == BROKER_LIMITED)
        metrics_inc(m, METRIC_REFUSED_RATE);
    if (call->status != BROKER_DONE)
        return;
    metrics_inc(m, call->publish.ret_repeated ? METRIC_REPEATED : METRIC_PUBLISHED);
    if (msgid_cmp(call->publish.ret_id, core->answered) > 0)
        core->answered = call->publish.ret_id;
}

void core_answer(struct core *core, struct broker_call *call, enum broker_status status)
{
    struct metrics_cell *m = core->config.metrics;

    call->status = status;
    call->mail.fn = call->answer;
    metrics_add(m, METRIC_BROKER_QUEUE, -1);
    if (call->op == BROKER_OP_PUBLISH)
        note_publish(core, call);
    if (call->port)
        metrics_observe_us(m, METRIC_BROKER_SECONDS, clock_mono_us() - call->started_us, 1);
    /* A replay's own call comes back by mail too: an engine that answers at once must not nest. */
    mailbox_post(call->port ? call->port->inbox : core->inbox, &call->mail);
}

static void on_flush(struct loop_task *task)
{
    struct core *core = container_of(task, struct core, flush);

    for (size_t i = 0; i < core->n_ports; i++)
        port_flush(core->ports[i]);
}

void core_live(struct core *core, struct message *m)
{
    metrics_inc(core->config.metrics, METRIC_MESSAGES_FEED);
    if (!m->legacy && msgid_cmp(m->id, core->high_water) > 0)
        core->high_water = m->id;
    for (size_t i = 0; i < core->n_ports; i++)
        port_live(core->ports[i], m);
    message_unref(m);
    loop_at_end(core->loop, &core->flush);
}

void core_resync(struct core *core)
{
    for (size_t i = 0; i < core->n_ports; i++)
        replay_start(core->ports[i]);
    loop_at_end(core->loop, &core->flush);
}

static void on_call(struct mail *m, void *owner)
{
    core_call(owner, container_of(m, struct broker_call, mail));
}

void broker_call(struct broker *b, struct broker_call *call)
{
    call->mail.fn = on_call;
    call->started_us = clock_mono_us();
    mailbox_post(b->core.inbox, &call->mail);
}

bool broker_is_ready(const struct broker *b)
{
    return atomic_load(&b->core.ready);
}

struct mailbox *broker_inbox(struct broker *b)
{
    return b->core.inbox;
}

static void on_start(struct mail *m, void *owner)
{
    struct core *core = owner;

    (void)m;
    if (core->ops->open(core, &core->config, &core->engine) < 0) {
        log_error("broker_failed", LOG_END);
        core->engine = NULL;
    }
}

static void on_stop(struct mail *m, void *owner)
{
    struct core *core = owner;

    (void)m;
    core_set_ready(core, false);
    if (core->engine)
        core->ops->close(core->engine);
    core->engine = NULL; /* calls that still come are answered NOT_DONE */
    loop_stop(core->loop);
}

static void *broker_main(void *arg)
{
    struct broker *b = arg;

    (void)pthread_setname_np(pthread_self(), "broker"); /* for top -H and the like */
    loop_run(b->core.loop);
    while (mailbox_drain(b->core.inbox))
        ; /* calls that came too late, and what their answers bring about */
    for (size_t i = 0; i < b->core.n_ports; i++)
        port_end(b->core.ports[i]);
    return NULL;
}

int broker_create(const struct broker_config *config, struct broker **ret_broker)
{
    struct broker *b = mem_zalloc(sizeof(*b));
    struct core *core = &b->core;

    core->config = *config;
    core->ops = config->kind == BROKER_MEMORY ? &mem_engine : &redis_engine;
    core->flush.fn = on_flush;
    b->start.fn = on_start;
    b->stop.fn = on_stop;
    if (loop_create(&core->loop) < 0 || mailbox_create(core->loop, core, &core->inbox) < 0) {
        broker_free(b);
        return EH_EIO;
    }
    *ret_broker = b;
    return EH_OK;
}

struct broker_port *broker_port_open(struct broker *b, struct mailbox *inbox, mail_fn *on_live,
                                     mail_fn *on_count)
{
    struct core *core = &b->core;

    assert(!b->started);
    core->ports = mem_array(core->ports, core->n_ports + 1, sizeof(core->ports[0]));
    core->ports[core->n_ports] = port_create(core, inbox, on_live, on_count);
    return core->ports[core->n_ports++];
}

int broker_start(struct broker *b)
{
    mailbox_post(b->core.inbox, &b->start);
    if (pthread_create(&b->thread, NULL, broker_main, b) != 0)
        return EH_EIO;
    b->started = true;
    return EH_OK;
}

void broker_stop(struct broker *b)
{
    if (!b->started)
        return;
    mailbox_post(b->core.inbox, &b->stop);
    pthread_join(b->thread, NULL);
    b->started = false;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    while (b->core.inbox && mailbox_drain(b->core.inbox))
        ; /* `room` of workers that outlived the thread */
    mailbox_free(b->core.inbox);
    loop_free(b->core.loop);
    for (size_t i = 0; i < b->core.n_ports; i++)
        port_free(b->core.ports[i]);
    free(b->core.ports);
    free(b);
}
