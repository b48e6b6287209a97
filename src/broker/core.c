#include "broker/core.h"

#include "base/clock.h"

void core_call(struct core *core, struct broker_call *call)
{
    metrics_add(core->config.metrics, METRIC_BROKER_QUEUE, 1);
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
    metrics_add(m, METRIC_BROKER_QUEUE, -1);
    if (call->op == BROKER_OP_PUBLISH && status == BROKER_LIMITED)
        metrics_inc(m, METRIC_REFUSED_RATE);
    if (call->op == BROKER_OP_PUBLISH && status == BROKER_DONE) {
        metrics_inc(m, call->publish.ret_repeated ? METRIC_REPEATED : METRIC_PUBLISHED);
        if (msgid_cmp(call->publish.ret_id, core->answered) > 0)
            core->answered = call->publish.ret_id;
    }
    if (call->port)
        metrics_observe_us(m, METRIC_BROKER_SECONDS, clock_mono_us() - call->started_us, 1);
    /* The answer to a replay is posted too, to our own inbox: an engine may answer inside `call`,
     * and the replay's next call must not nest in it. */
    mailbox_post(call->inbox, &call->mail);
}

struct msgid core_newest(const struct core *core)
{
    return msgid_cmp(core->answered, core->high_water) > 0 ? core->answered : core->high_water;
}

/* ---- health ---- */

static void copy_printable(char *to, size_t size, const char *from)
{
    size_t n = 0;

    for (; from[n] && n < size - 1; n++)
        to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
    to[n] = '\0';
}

void core_set_why(struct core *core, const char *why)
{
    (void)pthread_mutex_lock(&core->health_lock);
    copy_printable(core->health.why, sizeof(core->health.why), why);
    (void)pthread_mutex_unlock(&core->health_lock);
}

void core_set_master(struct core *core, const char *address)
{
    (void)pthread_mutex_lock(&core->health_lock);
    copy_printable(core->health.master, sizeof(core->health.master), address);
    (void)pthread_mutex_unlock(&core->health_lock);
}

void core_get_health(struct core *core, struct broker_health *ret)
{
    (void)pthread_mutex_lock(&core->health_lock);
    *ret = core->health;
    (void)pthread_mutex_unlock(&core->health_lock);
}

void core_set_ready(struct core *core, bool ready)
{
    atomic_store(&core->ready, ready);
    metrics_set(core->config.metrics, METRIC_BROKER_CONNECTED, ready);
}
