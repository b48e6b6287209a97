#include "broker/redis/redis_status.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_greeting.h"

#define LINE_MS   1000
#define LOG_BURST 5 /* lines */

static bool is_same(const char last[REDIS_WHY_MAX], const char *text)
{
    return strncmp(last, text, REDIS_WHY_MAX - 1) == 0;
}

static void remember(char last[REDIS_WHY_MAX], const char *text)
{
    (void)snprintf(last, REDIS_WHY_MAX, "%s", text);
}

bool redis_status_may_log(struct redis_status *s)
{
    uint64_t now = loop_now(s->core->loop);

    s->credit_ms += now - s->credited_ms;
    s->credited_ms = now;
    if (s->credit_ms > LOG_BURST * LINE_MS)
        s->credit_ms = LOG_BURST * LINE_MS;
    if (s->credit_ms < LINE_MS)
        return false;
    s->credit_ms -= LINE_MS;
    return true;
}

void redis_status_init(struct redis_status *s, struct core *core)
{
    uint64_t now = loop_now(core->loop);

    *s = (struct redis_status){
        .core = core,
        .counted_ms = now,
        .credit_ms = LOG_BURST * LINE_MS,
        .credited_ms = now,
    };
}

/* ---- ready ---- */

void redis_status_tick(struct redis_status *s)
{
    uint64_t now = loop_now(s->core->loop);

    if (!s->has_joined)
        metrics_add(s->core->config.metrics, METRIC_MASTERLESS_MS, (int64_t)(now - s->counted_ms));
    s->counted_ms = now;
}

void redis_status_set(struct redis_status *s, bool has_joined, bool is_ready, bool is_whole)
{
    redis_status_tick(s);
    s->has_joined = has_joined;
    if (is_ready && is_whole)
        s->outage[0] = '\0';
    if (is_ready == s->is_ready)
        return;
    s->is_ready = is_ready;
    s->was_ready = s->was_ready || is_ready;
    core_set_ready(s->core, is_ready);
    if (is_ready)
        log_info("broker_ready", LOG_Z("redis", s->master.host), LOG_N("port", s->master.port));
}

/* ---- the master ---- */

void redis_status_on_master(struct redis_status *s, const struct redis_endpoint *master)
{
    char address[REDIS_ENDPOINT_TEXT];

    if (redis_endpoint_is_set(&s->master))
        metrics_inc(s->core->config.metrics, METRIC_MASTER_CHANGES);
    s->master = *master;
    redis_endpoint_format(master, address);
    core_set_master(s->core, address);
    if (redis_status_may_log(s))
        log_info("redis_master", LOG_Z("host", master->host), LOG_N("port", master->port));
}

void redis_status_on_unknown(struct redis_status *s, const char *why)
{
    bool is_news = !is_same(s->unknown, why);

    remember(s->unknown, why);
    if (!s->has_joined)
        redis_status_on_outage(s, why);
    else if (is_news && redis_status_may_log(s))
        log_warn("redis_master_unconfirmed", LOG_Z("why", why));
}

void redis_status_on_known(struct redis_status *s)
{
    s->unknown[0] = '\0';
}

/* ---- failures ---- */

/* The owner of the broker ends the process, unless this Redis took the place of another one. */
static void on_unusable(struct redis_status *s, const char *why)
{
    log_error("redis_unusable", LOG_Z("why", why));
    if (!s->was_ready)
        core_report_unusable(s->core);
}

void redis_status_on_outage(struct redis_status *s, const char *why)
{
    core_set_why(s->core, s->unknown[0] ? s->unknown : why);
    if (is_same(s->outage, why) || !redis_status_may_log(s))
        return;
    remember(s->outage, why);
    if (strcmp(why, REDIS_ACTIVE_REPLICA) == 0)
        on_unusable(s, why);
    else if (s->is_ready)
        log_warn("redis_connection_lost", LOG_Z("why", why));
    else if (!redis_endpoint_is_set(&s->master))
        log_warn("broker_waiting", LOG_Z("why", why));
    else
        log_warn("broker_waiting", LOG_Z("redis", s->master.host), LOG_N("port", s->master.port),
                 LOG_Z("why", why));
}

void redis_status_on_redirect(struct redis_status *s, const struct redis_redirect *redirect)
{
    if (redirect->kind == REDIS_REDIRECT_MOVED)
        core_set_why(s->core, "Redis sends this node to another Redis (MOVED)");
    if (redis_status_may_log(s))
        log_warn("redis_redirects", LOG_Z("kind", redis_redirect_name(redirect->kind)),
                 LOG_Z("to", redirect->endpoint.host), LOG_N("port", redirect->endpoint.port));
}

void redis_status_on_refusal(struct redis_status *s, const char *why)
{
    if (redis_status_is_new_problem(s, why))
        log_warn("redis_refuses", LOG_Z("why", why));
}

bool redis_status_is_new_problem(struct redis_status *s, const char *problem)
{
    if (is_same(s->problem, problem) || !redis_status_may_log(s))
        return false;
    remember(s->problem, problem);
    return true;
}

void redis_status_forget_problem(struct redis_status *s)
{
    s->problem[0] = '\0';
}
