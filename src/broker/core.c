#include "broker/core.h"

#include "base/clock.h"

static void count_waiting(struct core *core, const struct broker_call *call, int delta)
{
    metrics_add(core->config.metrics, METRIC_BROKER_QUEUE, delta);
    if (call->op == BROKER_OP_HISTORY)
        metrics_add(core->config.metrics, METRIC_HISTORY_WAITING, delta);
}

void core_call(struct core *core, struct broker_call *call)
{
    count_waiting(core, call, 1);
    if (core->engine)
        core->ops->call(core->engine, call);
    else
        core_answer(core, call, BROKER_NOT_DONE);
}

void core_answer(struct core *core, struct broker_call *call, enum broker_status status)
{
    struct metrics_cell *m = core->config.metrics;

    call->status = status;
    call->mail.fn = call->answer;
    count_waiting(core, call, -1);
    if (call->op == BROKER_OP_PUBLISH && status == BROKER_LIMITED)
        metrics_inc(m, METRIC_REFUSED_RATE);
    if (call->op == BROKER_OP_PUBLISH && status == BROKER_DONE) {
        metrics_inc(m, call->publish.ret_repeated ? METRIC_REPEATED : METRIC_PUBLISHED);
        core_note(core, call->publish.ret_id);
        core_share_newest(core);
    }
    if (call->op == BROKER_OP_HISTORY && status == BROKER_DONE && call->history.ret_n > 0) {
        core_note(core, call->history.ret_items[call->history.ret_n - 1]->id);
        core_share_newest(core);
    }
    if (call->port)
        metrics_observe_us(m, METRIC_BROKER_SECONDS, clock_mono_us() - call->started_us, 1);
    /* The answer to a replay is posted too, to our own inbox: an engine may answer inside `call`,
     * and the replay's next call must not nest in it. */
    mailbox_post(call->inbox, &call->mail);
}

enum broker_status core_unknown_status(const struct broker_call *call)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH:
    case BROKER_OP_SET:
    case BROKER_OP_DELETE:
    case BROKER_OP_REVOKE:
    case BROKER_OP_PURGE:
    case BROKER_OP_ASK: return BROKER_UNKNOWN;
    case BROKER_OP_GET:
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE:
    case BROKER_OP_LIST: break;
    }
    return BROKER_NOT_DONE;
}

/* ---- wants ---- */

void core_want(struct core *core, struct broker_want *want)
{
    if (core->engine && core->ops->want)
        core->ops->want(core->engine, want);
    else
        core_answer_want(core, want, (struct msgid){ 0 });
}

void core_unwant(struct core *core, struct broker_port *port, struct str filter)
{
    if (core->engine && core->ops->unwant)
        core->ops->unwant(core->engine, port, filter);
}

/* Notes the id, so that subscriptions to the same filter that come later do not begin before it. */
void core_answer_want(struct core *core, struct broker_want *want, struct msgid newest)
{
    core_note(core, newest);
    core_share_newest(core);
    want->newest = core_newest(core);
    want->mail.fn = want->answer;
    mailbox_post(want->inbox, &want->mail);
}

/* ---- the highest id ---- */

void core_note(struct core *core, struct msgid id)
{
    core->noted = msgid_later(core->noted, id);
}

struct msgid core_newest(const struct core *core)
{
    return msgid_later(core->noted, core->high_water);
}

void core_share_newest(struct core *core)
{
    (void)pthread_mutex_lock(&core->shared_lock);
    core->shared_newest = core_newest(core);
    (void)pthread_mutex_unlock(&core->shared_lock);
}

struct msgid core_shared_newest(struct core *core)
{
    struct msgid id;

    (void)pthread_mutex_lock(&core->shared_lock);
    id = core->shared_newest;
    (void)pthread_mutex_unlock(&core->shared_lock);
    return id;
}

/* ---- health ---- */

void core_set_why(struct core *core, const char *why)
{
    (void)pthread_mutex_lock(&core->shared_lock);
    str_copy_printable(core->health.why, sizeof(core->health.why), why);
    (void)pthread_mutex_unlock(&core->shared_lock);
}

void core_set_master(struct core *core, const char *address)
{
    (void)pthread_mutex_lock(&core->shared_lock);
    str_copy_printable(core->health.master, sizeof(core->health.master), address);
    (void)pthread_mutex_unlock(&core->shared_lock);
}

void core_get_health(struct core *core, struct broker_health *ret)
{
    (void)pthread_mutex_lock(&core->shared_lock);
    *ret = core->health;
    (void)pthread_mutex_unlock(&core->shared_lock);
}

void core_report_unusable(struct core *core)
{
    if (core->unusable_inbox)
        mailbox_post(core->unusable_inbox, core->unusable);
    core->unusable_inbox = NULL; /* once */
}

void core_set_ready(struct core *core, bool ready)
{
    atomic_store(&core->ready, ready);
    metrics_set(core->config.metrics, METRIC_BROKER_CONNECTED, ready);
}
