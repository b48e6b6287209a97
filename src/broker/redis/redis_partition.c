#include "broker/redis/redis_partition.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "broker/fanout.h"

#define ID_AHEAD_MS 3600000 /* how far an id may be ahead of Redis's clock as we know it */

void redis_partition_on_published(struct redis_partition *p, struct msgid id)
{
    p->answered = msgid_later(p->answered, id);
}

/* Messages that a joining feed holds back do not count as known from the history that this node
 * joined: they may be from the next one. */
void redis_partition_fence(const struct redis_partition *p, struct redis_command *ret)
{
    struct msgid known = msgid_later(p->core->high_water, p->answered);
    bool has_news = msgid_cmp(known, p->joined) != 0;

    redis_command_fence(ret, p->names,
                        &(struct redis_fence){
                            .newest = core_newest(p->core),
                            .high_water = p->core->high_water,
                            .tail = has_news ? known : p->tail,
                            .tail_replid = str_of(has_news ? p->replid : p->tail_replid),
                        });
}

static struct str format_id(struct msgid id, char text[MSGID_TEXT])
{
    return str_make(text, msgid_format(id, text));
}

static void note_history(struct redis_partition *p, const struct redis_fenced *answer)
{
    char first[MSGID_TEXT], last[MSGID_TEXT];

    if (!answer->replid[0] && !p->replid[0] && !p->has_warned) {
        log_warn("redis_has_no_lineage", LOG_Z("why", "INFO replication has no master_replid"));
        p->has_warned = true;
    }
    if (answer->replid[0] && p->replid[0] && strcmp(answer->replid, p->replid) != 0) {
        metrics_inc(p->core->config.metrics, METRIC_LINEAGE_BREAKS);
        log_info("redis_history_began", LOG_Z("replid", answer->replid),
                 LOG_S("after", format_id(answer->tail, last)),
                 LOG_S("last", format_id(answer->ids.last, first)));
    }
}

void redis_partition_on_fenced(struct redis_partition *p, const struct redis_fenced *answer)
{
    note_history(p, answer);
    redis_partition_on_log_start(p, answer->ids.log_start);
    p->has_joined = true;
    p->joined = answer->ids.last;
    p->tail = answer->tail;
    if (answer->replid[0])
        memcpy(p->replid, answer->replid, sizeof(p->replid));
    memcpy(p->tail_replid, answer->tail_replid, sizeof(p->tail_replid));
}

bool redis_partition_on_probed(struct redis_partition *p, const struct redis_probed *answer,
                               struct msgid newest)
{
    redis_partition_on_log_start(p, answer->ids.log_start);
    return msgid_cmp(answer->ids.last, newest) < 0 ||
           msgid_cmp(p->core->high_water, answer->ids.log_start) < 0 ||
           (answer->replid[0] && (strcmp(answer->replid, p->replid) != 0 || !answer->is_current));
}

bool redis_partition_on_began(const struct redis_partition *p, struct str topic, struct str text)
{
    struct str first, replid;
    struct msgid id;

    if (!str_eq(topic, STR(REDIS_BEGAN_TOPIC)) || !str_cut(&text, ' ', &first) ||
        !str_cut(&text, ' ', &replid))
        return false;
    if (!str_eq(replid, str_of(p->replid)))
        return true;
    return str_eq(text, STR("lost")) && msgid_parse(first, &id) == EH_OK &&
           msgid_cmp(id, p->log_start) > 0;
}

void redis_partition_on_log_start(struct redis_partition *p, struct msgid id)
{
    char text[MSGID_TEXT];

    if (msgid_cmp(id, p->log_start) <= 0)
        return;
    p->log_start = id;
    if (!p->has_joined) /* it moved before this node came */
        return;
    metrics_inc(p->core->config.metrics, METRIC_REWINDS);
    log_warn("redis_lost_messages", LOG_S("log_start", format_id(id, text)));
    /* Otherwise a replay begins below the log start, and its page says that messages are
     * missing. */
    if (msgid_cmp(p->core->high_water, id) >= 0)
        fanout_gap(p->core->fanout);
}

bool redis_partition_is_plausible(const struct redis_partition *p, struct msgid id)
{
    uint64_t known = clock_wall_ms();

    if (p->core->high_water.ms > known)
        known = p->core->high_water.ms;
    if (p->joined.ms > known)
        known = p->joined.ms;
    return !p->has_joined || id.ms <= known + ID_AHEAD_MS;
}
