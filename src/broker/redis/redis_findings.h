/* redis_findings.h - judges the state and the settings of a Redis, for redis_check.
 * Thread:  any; pure.
 * Trusts:  nothing: texts of the server are shortened, and their unprintable bytes replaced.
 */
#ifndef EH_BROKER_REDIS_FINDINGS_H
#define EH_BROKER_REDIS_FINDINGS_H

#include "base/err.h"
#include "broker/config.h"
#include "broker/finding.h"
#include "broker/redis/redis_info.h"

struct redisReply;

struct redis_findings {
    finding_fn *report;
    void *owner;
    unsigned n_warnings;
    unsigned n_failures;
    /* Failures that were reported already: each command would repeat them. */
    char last_right[32];
    bool has_key_refusal;
    bool has_channel_refusal;
    bool has_other_refusal;
};

/* Reports one finding. */
void redis_findings_add(struct redis_findings *f, enum finding_level level, const char *format, ...)
    EH_PRINTF(3, 4);

/* Reports that the server refused what needs this right, such as "xadd", on keys and channels of
 * REDIS_PREFIX. */
void redis_findings_refusal(struct redis_findings *f, const char *right, struct str error,
                            const char *prefix);

/* Judges engine, version and role. Returns whether it makes sense to check anything else. */
bool redis_findings_server(struct redis_findings *f, const struct redis_info *info,
                           const struct redis_endpoint *at);
/* Judges the eviction policy, and how full the memory is. */
void redis_findings_memory(struct redis_findings *f, const struct redis_info *info);
/* Judges whether enough replicas are there for REDIS_WAIT. */
void redis_findings_wait(struct redis_findings *f, const struct redis_info *info, unsigned wait);
/* Judges the clock: `reply` answers TIME, which was sent and answered at these times of the local
 * clock, in ms. */
void redis_findings_clock(struct redis_findings *f, const struct redisReply *reply,
                          uint64_t sent_ms, uint64_t answered_ms);
/* Settings of the server that CONFIG GET returns. */
enum redis_setting {
    REDIS_SETTING_SAVE,         /* with INFO: what survives a crash */
    REDIS_SETTING_MIN_REPLICAS, /* what survives a failover */
    REDIS_SETTING_ACTIVE,       /* of KeyDB: another server may accept writes, too */
    REDIS_SETTING_BUFFER,       /* how far a feed may fall behind */
    REDIS_SETTING_COUNT
};
const char *redis_setting_name(enum redis_setting setting);
/* Judges a setting; reply is NULL if the server did not return it. */
void redis_findings_setting(struct redis_findings *f, const struct redis_info *info,
                            enum redis_setting setting, const struct redisReply *reply);

#endif
