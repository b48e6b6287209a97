/* broker.c - the broker's thread, from broker_create to broker_free. Picks the engine, and owns the
 * core and the fanout; the calls themselves pass through core.c.
 */
#include "broker/broker.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/core.h"
#include "broker/fanout.h"
#include "broker/headcount.h"
#include "broker/mem/mem.h"
#include "broker/port.h"
#include "broker/redis/redis.h"

struct broker {
    struct core core;
    struct fanout fanout;
    pthread_t thread;
    bool started;
    struct mail start;
    struct mail stop;
};

/* ---- on the worker's thread ---- */

static void on_call(struct mail *m, void *owner)
{
    core_call(owner, container_of(m, struct broker_call, mail));
}

void broker_call(struct broker *b, struct broker_call *call)
{
    call->mail.fn = on_call;
    call->inbox = call->port->outbox.inbox;
    call->started_us = clock_mono_us();
    mailbox_post(b->core.inbox, &call->mail);
}

static void on_want(struct mail *m, void *owner)
{
    core_want(owner, container_of(m, struct broker_want, mail));
}

void broker_want(struct broker *b, struct broker_want *want)
{
    want->mail.fn = on_want;
    want->inbox = want->port->outbox.inbox;
    mailbox_post(b->core.inbox, &want->mail);
}

struct unwant {
    struct mail mail;
    struct broker_port *port;
    size_t n;
    char filter[];
};

static void on_unwant(struct mail *m, void *owner)
{
    struct unwant *unwant = container_of(m, struct unwant, mail);

    core_unwant(owner, unwant->port, str_make(unwant->filter, unwant->n));
    free(unwant);
}

void broker_unwant(struct broker *b, struct broker_port *port, struct str filter)
{
    struct unwant *unwant = mem_alloc(sizeof(*unwant) + filter.n);

    *unwant = (struct unwant){ .mail.fn = on_unwant, .port = port, .n = filter.n };
    memcpy(unwant->filter, filter.p, filter.n);
    mailbox_post(b->core.inbox, &unwant->mail);
}

void live_batch_free(struct live_batch *batch)
{
    outbox_batch_free(batch);
}

void broker_counted(struct broker_count *part)
{
    headcount_counted(part);
}

bool broker_is_ready(const struct broker *b)
{
    return atomic_load(&b->core.ready);
}

void broker_get_health(struct broker *b, struct broker_health *ret)
{
    core_get_health(&b->core, ret);
}

struct msgid broker_newest(struct broker *b)
{
    return core_shared_newest(&b->core);
}

struct mailbox *broker_inbox(struct broker *b)
{
    return b->core.inbox;
}

/* ---- on the broker's thread ---- */

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
    core->engine = NULL; /* calls that arrive from now on are answered NOT_DONE */
    loop_stop(core->loop);
}

static void on_renew(struct mail *m, void *owner)
{
    struct core *core = owner;

    free(m);
    if (core->engine && core->ops->renew)
        core->ops->renew(core->engine);
}

static void *broker_main(void *arg)
{
    struct broker *b = arg;

    (void)pthread_setname_np(pthread_self(), "broker"); /* for top -H and the like */
    loop_run(b->core.loop);
    while (mailbox_drain(b->core.inbox))
        ; /* calls that came too late, and the mail that their answers cause */
    fanout_end(&b->fanout);
    return NULL;
}

/* ---- on the main thread ---- */

int broker_create(const struct broker_config *config, struct broker **ret_broker)
{
    struct broker *b = mem_zalloc(sizeof(*b));
    struct core *core = &b->core;

    core->config = *config;
    (void)pthread_mutex_init(&core->shared_lock, NULL);
    core->ops = config->kind == BROKER_MEMORY ? &mem_engine : &redis_engine;
    core->fanout = &b->fanout;
    fanout_init(&b->fanout, core);
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
    struct broker_port *port = port_create(&b->core, inbox, on_live, on_count);

    assert(!b->started);
    fanout_add(&b->fanout, port);
    return port;
}

void broker_on_unusable(struct broker *b, struct mailbox *inbox, struct mail *mail)
{
    assert(!b->started);
    b->core.unusable_inbox = inbox;
    b->core.unusable = mail;
}

int broker_start(struct broker *b)
{
    mailbox_post(b->core.inbox, &b->start);
    if (pthread_create(&b->thread, NULL, broker_main, b) != 0)
        return EH_EIO;
    b->started = true;
    return EH_OK;
}

void broker_renew(struct broker *b)
{
    struct mail *m = mem_zalloc(sizeof(*m));

    m->fn = on_renew;
    mailbox_post(b->core.inbox, m);
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
    fanout_done(&b->fanout);
    (void)pthread_mutex_destroy(&b->core.shared_lock);
    free(b);
}
