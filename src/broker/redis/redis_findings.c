#include "broker/redis/redis_findings.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_rights.h"

#define VERSION_MIN     5   /* the first one with streams */
#define CLOCK_OFFSET_MS 500 /* a difference that users would notice in `since` */
#define ACTIVE_WHY      "several servers accept writes, so ids would not be unique"
#define FULL_PERCENT    90
#define BUFFER_MIN      (32ull << 20) /* the default hard limit of a subscribed connection */
#define BYTES_TEXT      24

void redis_findings_add(struct redis_findings *f, enum finding_level level, const char *format, ...)
{
    char text[FINDING_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *p = text; *p; p++) {
        if (*p < ' ' || *p > '~')
            *p = '?';
    }
    f->n_warnings += level == FINDING_WARN;
    f->n_failures += level == FINDING_FAIL;
    f->report(f->owner, level, text);
}

static const char *bytes_text(char text[BYTES_TEXT], uint64_t n)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;

    while ((n >= 10240 || (n >= 1024 && n % 1024 == 0)) && unit + 1 < ARRAY_LEN(units)) {
        n >>= 10;
        unit++;
    }
    (void)snprintf(text, BYTES_TEXT, "%" PRIu64 " %s", n, units[unit]);
    return text;
}

/* ---- refusals ---- */

void redis_findings_refusal(struct redis_findings *f, const char *right, struct str error,
                            const char *prefix)
{
    if (strcmp(right, f->last_right) == 0)
        return;
    (void)snprintf(f->last_right, sizeof(f->last_right), "%s", right);
    switch (redis_refusal_of_text(error)) {
    case REDIS_REFUSAL_NONE: break;
    case REDIS_REFUSAL_COMMAND:
        redis_findings_add(f, FINDING_FAIL, "the user lacks the right to run \"%s\"", right);
        break;
    case REDIS_REFUSAL_UNKNOWN:
        redis_findings_add(f, FINDING_FAIL, "the server does not know the command \"%s\"", right);
        break;
    case REDIS_REFUSAL_KEY:
        if (!f->has_key_refusal)
            redis_findings_add(f, FINDING_FAIL,
                               "the user lacks the right to use the keys \"{%s}:*\"", prefix);
        f->has_key_refusal = true;
        break;
    case REDIS_REFUSAL_CHANNEL:
        if (!f->has_channel_refusal)
            redis_findings_add(f, FINDING_FAIL,
                               "the user lacks the right to use the channels \"%s:*\" and "
                               "\"{%s}:*\"",
                               prefix, prefix);
        f->has_channel_refusal = true;
        break;
    case REDIS_REFUSAL_OTHER:
        if (!f->has_other_refusal)
            redis_findings_add(f, FINDING_FAIL, "Redis refuses \"%s\": %.*s", right,
                               STR_ARG(error));
        f->has_other_refusal = true;
        break;
    }
}

/* ---- the server ---- */

/* Returns why this server can never be used; NULL: it can. */
static const char *role_fault(const struct redis_info *info)
{
    switch (info->role) {
    case REDIS_ROLE_REPLICA: return "it is a replica, which refuses writes";
    case REDIS_ROLE_ACTIVE_REPLICA: return "it is an active replica: " ACTIVE_WHY;
    case REDIS_ROLE_SENTINEL: return "it is a Sentinel (see REDIS_SENTINELS)";
    default: return NULL;
    }
}

static void add_ok(struct redis_findings *f, const struct redis_info *info, const char *name)
{
    const char *mode = info->mode[0] ? info->mode : "unknown mode";

    if (info->connected_replicas < 0)
        redis_findings_add(f, FINDING_OK, "%s (%s)", name, mode);
    else
        redis_findings_add(f, FINDING_OK, "%s (%s, master, %" PRId64 " replica%s)", name, mode,
                           info->connected_replicas, info->connected_replicas == 1 ? "" : "s");
}

bool redis_findings_server(struct redis_findings *f, const struct redis_info *info,
                           const struct redis_endpoint *at)
{
    const char *fault = role_fault(info);
    char place[REDIS_ENDPOINT_TEXT], name[REDIS_ENDPOINT_TEXT + 100];
    bool is_old;

    redis_endpoint_format(at, place);
    (void)snprintf(name, sizeof(name), "%s%s%s at %s", redis_info_product_name(info->product),
                   info->version[0] ? " " : "", info->version, place);
    if (fault) {
        redis_findings_add(f, FINDING_FAIL, "%s: %s", name, fault);
        return false;
    }
    if (!info->is_known) {
        redis_findings_add(f, FINDING_WARN,
                           "%s: the user may not run \"info\": version, role and eviction policy "
                           "are unknown, and a failover that loses messages may go unnoticed",
                           place);
        return true;
    }
    is_old = info->redis_version[0] && strtol(info->redis_version, NULL, 10) < VERSION_MIN;
    if (is_old)
        redis_findings_add(f, FINDING_WARN, "%s: Eventhub needs version %d.0 or later", name,
                           VERSION_MIN);
    else if (info->product != REDIS_PRODUCT_REDIS && info->product != REDIS_PRODUCT_VALKEY)
        redis_findings_add(f, FINDING_WARN, "%s: Eventhub was not tested with this engine", name);
    else
        add_ok(f, info, name);
    return true;
}

/* ---- memory ---- */

void redis_findings_memory(struct redis_findings *f, const struct redis_info *info)
{
    const char *policy = info->maxmemory_policy;
    char most[BYTES_TEXT];
    int64_t percent;

    if (!policy[0]) {
        redis_findings_add(f, FINDING_SKIP, "maxmemory-policy: the server does not report it");
        return;
    }
    if (info->maxmemory < 0) {
        redis_findings_add(f, redis_info_evicts(info) ? FINDING_WARN : FINDING_OK,
                           "maxmemory-policy is %s, and the server does not report maxmemory",
                           policy);
        return;
    }
    if (info->maxmemory == 0) {
        redis_findings_add(f, FINDING_OK, "maxmemory-policy is %s, and maxmemory is not set",
                           policy);
        return;
    }
    (void)bytes_text(most, (uint64_t)info->maxmemory);
    percent =
        info->used_memory > 0 ? 100 * (info->used_memory / 1024) / (info->maxmemory / 1024 + 1) : 0;
    if (redis_info_evicts(info))
        redis_findings_add(f, FINDING_WARN,
                           "maxmemory-policy is %s: Redis deletes messages and values when %s are "
                           "used (%" PRId64 " %% now); set noeviction",
                           policy, most, percent);
    else
        redis_findings_add(f, percent >= FULL_PERCENT ? FINDING_WARN : FINDING_OK,
                           "maxmemory-policy is %s, and %" PRId64 " %% of %s are used", policy,
                           percent, most);
}

/* ---- REDIS_WAIT ---- */

void redis_findings_wait(struct redis_findings *f, const struct redis_info *info, unsigned wait)
{
    if (wait > 0 && info->connected_replicas >= 0 && info->connected_replicas < wait)
        redis_findings_add(f, FINDING_WARN,
                           "REDIS_WAIT is %u, and %" PRId64 " replicas are connected: no publish "
                           "is confirmed",
                           wait, info->connected_replicas);
}

/* ---- the clock ---- */

void redis_findings_clock(struct redis_findings *f, const struct redisReply *reply,
                          uint64_t sent_ms, uint64_t answered_ms)
{
    int64_t offset, distance;
    uint64_t s, us;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        str_parse_u64(str_of(reply->element[0]->str ? reply->element[0]->str : ""), &s) < 0 ||
        str_parse_u64(str_of(reply->element[1]->str ? reply->element[1]->str : ""), &us) < 0)
        return; /* the check of rights reports it */
    offset = (int64_t)(s * 1000 + us / 1000) - (int64_t)(sent_ms + (answered_ms - sent_ms) / 2);
    distance = offset < 0 ? -offset : offset;
    if (distance > CLOCK_OFFSET_MS + (int64_t)(answered_ms - sent_ms))
        redis_findings_add(f, FINDING_WARN,
                           "the clock of Redis's machine is %" PRId64 " ms %s that of this one: "
                           "synchronize them (NTP)",
                           distance, offset < 0 ? "behind" : "ahead of");
    else
        redis_findings_add(f, FINDING_OK,
                           "the clock of Redis's machine differs from this one by %" PRId64 " ms",
                           distance);
}

/* ---- durability ---- */

static void judge_save(struct redis_findings *f, const struct redis_info *info,
                       const char *snapshots)
{
    if (info->aof_enabled == 1)
        redis_findings_add(f, FINDING_OK, "the append-only file is on");
    else if (info->aof_enabled < 0)
        redis_findings_add(f, FINDING_SKIP, "persistence: the server does not report it");
    else if (snapshots && !snapshots[0])
        redis_findings_add(f, FINDING_WARN,
                           "Redis saves nothing to disk: after a restart of Redis all messages and "
                           "values are gone");
    else
        redis_findings_add(f, FINDING_WARN,
                           "the append-only file is off: a restart of Redis loses what it has not "
                           "saved as a snapshot%s%s",
                           snapshots ? ", save " : "", snapshots ? snapshots : "");
}

static void judge_min_replicas(struct redis_findings *f, const struct redis_info *info,
                               const char *least)
{
    if (!least)
        redis_findings_add(f, FINDING_SKIP,
                           "min-replicas-to-write: not permitted to read it (\"config get\")");
    else if (strcmp(least, "0") == 0 && info->connected_replicas > 0)
        redis_findings_add(f, FINDING_OK,
                           "min-replicas-to-write is 0: a master that is cut off from its replicas "
                           "accepts messages that a failover loses");
    else
        redis_findings_add(f, FINDING_OK, "min-replicas-to-write is %s", least);
}

/* An active replica that has no master calls itself a master. */
static void judge_active(struct redis_findings *f, const struct redis_info *info, const char *value)
{
    if (value && strcmp(value, "yes") == 0)
        redis_findings_add(f, FINDING_FAIL, "active-replica is on: %s", ACTIVE_WHY);
    else if (info->product == REDIS_PRODUCT_KEYDB && !value)
        redis_findings_add(f, FINDING_SKIP,
                           "active-replica: not permitted to read it (\"config get\")");
}

static bool take_number(const char **at, uint64_t *ret)
{
    char *end;

    *ret = strtoull(*at, &end, 10);
    if (end == *at)
        return false;
    *at = end;
    return true;
}

/* Reads `… pubsub HARD SOFT SECONDS`. */
static bool read_buffer_limit(const char *value, uint64_t *ret_hard, uint64_t *ret_soft,
                              uint64_t *ret_seconds)
{
    static const char name[] = "pubsub ";
    const char *at = value ? strstr(value, name) : NULL;

    if (!at)
        return false;
    at += strlen(name);
    return take_number(&at, ret_hard) && take_number(&at, ret_soft) &&
           take_number(&at, ret_seconds);
}

static void judge_buffer(struct redis_findings *f, const struct redis_info *info, const char *value)
{
    char hard_text[BYTES_TEXT], soft_text[BYTES_TEXT];
    uint64_t hard, soft, seconds;

    (void)info;
    if (!read_buffer_limit(value, &hard, &soft, &seconds)) {
        redis_findings_add(f, FINDING_SKIP,
                           "client-output-buffer-limit: not permitted to read it (\"config get\")");
        return;
    }
    if (hard == 0 && soft == 0) {
        redis_findings_add(f, FINDING_OK, "client-output-buffer-limit pubsub: no limit");
        return;
    }
    redis_findings_add(
        f, hard > 0 && hard < BUFFER_MIN ? FINDING_WARN : FINDING_OK,
        "client-output-buffer-limit pubsub is %s, or %s for %" PRIu64 " s%s",
        hard ? bytes_text(hard_text, hard) : "unlimited", bytes_text(soft_text, soft), seconds,
        hard > 0 && hard < BUFFER_MIN ? ": bursts of messages may disconnect the servers" : "");
}

static const struct {
    const char *name;
    /* value is NULL if it is not known */
    void (*judge)(struct redis_findings *f, const struct redis_info *info, const char *value);
} settings[REDIS_SETTING_COUNT] = {
    [REDIS_SETTING_SAVE] = { "save", judge_save },
    [REDIS_SETTING_MIN_REPLICAS] = { "min-replicas-to-write", judge_min_replicas },
    [REDIS_SETTING_ACTIVE] = { "active-replica", judge_active },
    [REDIS_SETTING_BUFFER] = { "client-output-buffer-limit", judge_buffer },
};

const char *redis_setting_name(enum redis_setting setting)
{
    return settings[setting].name;
}

void redis_findings_setting(struct redis_findings *f, const struct redis_info *info,
                            enum redis_setting setting, const struct redisReply *reply)
{
    bool is_told = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2 &&
                   reply->element[1]->type == REDIS_REPLY_STRING;

    settings[setting].judge(f, info, is_told ? reply->element[1]->str : NULL);
}
