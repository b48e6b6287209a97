#include "broker/redis/redis_eviction.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_reply.h"

static void learn(struct redis_eviction *e, const struct redis_info *info)
{
    const char *policy = redis_info_evicts(info) ? info->maxmemory_policy : "";

    if (!info->maxmemory_policy[0])
        return; /* not reported */
    metrics_set(e->metrics, METRIC_REDIS_EVICTS, policy[0] != '\0');
    if (strcmp(policy, e->policy) == 0)
        return;
    (void)snprintf(e->policy, sizeof(e->policy), "%s", policy);
    if (policy[0])
        log_warn("redis_evicts", LOG_Z("policy", policy),
                 LOG_Z("why", "Redis deletes messages and values when its memory is full: set "
                              "maxmemory-policy to noeviction"));
    else
        log_info("redis_evicts_no_longer", LOG_Z("policy", info->maxmemory_policy));
}

/* Answers over several links may arrive in any order: only that of the link asked last counts. */
static void on_info(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    const struct redis_link *link = arg;
    struct redis_eviction *e = owner;
    struct redis_info info;
    struct str text;

    if (link != e->asked || fate != REDIS_ANSWERED || redis_reply_is_error(reply))
        return;
    text = redis_reply_text(reply);
    redis_info_parse(&info, text.p ? text : STR(""));
    learn(e, &info);
}

void redis_eviction_ask(struct redis_eviction *e, struct redis_link *link)
{
    struct redis_command c;

    redis_command_init(&c);
    redis_command_add(&c, STR("INFO"));
    redis_command_add(&c, STR("memory"));
    e->asked = link;
    redis_link_send(link, &c, (struct redis_done){ on_info, e, link, 0 });
}
