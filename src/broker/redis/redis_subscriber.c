#include "broker/redis/redis_subscriber.h"

#include <assert.h>

#include "base/log.h"
#include "broker/redis/redis_keys.h"
#include "net/loop.h"

#define TRIAL "$metrics$/trial/" /* no channel of ours begins like this */

static void check_ready(struct redis_subscriber *s)
{
    if (s->is_ready || s->n_confirmed < s->config.n_own || !redis_channels_is_ready(s->channels))
        return;
    s->is_ready = true;
    s->config.on_ready(s->config.owner);
}

static void on_confirmed(struct redis_subscriber *s, const struct redis_confirmed *confirmed)
{
    bool is_own = s->n_confirmed < s->config.n_own;
    bool is_expected;

    if (is_own)
        is_expected = confirmed->what == CONFIRMED_SUBSCRIBE &&
                      str_eq(confirmed->channel, s->config.own[s->n_confirmed]);
    else
        is_expected = redis_channels_on_confirmed(s->channels, confirmed->what, confirmed->channel);
    if (!is_expected) {
        redis_link_drop(s->link, "unexpected confirmation of a subscription");
        return;
    }
    s->n_confirmed += is_own;
    loop_flush_later(s->config.loop, &s->flush); /* there is room for more under way */
    check_ready(s);
}

bool redis_subscriber_take(struct redis_subscriber *s, const struct redisReply *reply)
{
    struct redis_confirmed confirmed;

    if (!s->link || redis_reply_confirmed(reply, &confirmed) < 0)
        return false;
    on_confirmed(s, &confirmed);
    return true;
}

/* The last answer to a command. The others come through redis_subscriber_take. */
static void on_last(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_subscriber *s = owner;

    (void)arg;
    if (fate != REDIS_ANSWERED)
        return; /* on_down follows */
    if (redis_reply_is_error(reply))
        redis_link_drop(s->link, redis_reply_text(reply).p);
    else if (!redis_subscriber_take(s, reply))
        redis_link_drop(s->link, "unexpected reply to a subscription");
}

static void send(struct redis_subscriber *s, struct redis_command *c)
{
    redis_link_send(s->link, c, (struct redis_done){ on_last, s, NULL, 0 });
}

static void on_flush(struct loop_task *task)
{
    struct redis_subscriber *s = container_of(task, struct redis_subscriber, flush);
    struct redis_command c;

    while (s->link && redis_link_can_send(s->link) && redis_channels_next(s->channels, &c))
        send(s, &c);
}

bool redis_subscriber_want(struct redis_subscriber *s, struct str filter)
{
    loop_flush_later(s->config.loop, &s->flush);
    return redis_channels_want(s->channels, filter);
}

void redis_subscriber_unwant(struct redis_subscriber *s, struct str filter)
{
    redis_channels_unwant(s->channels, filter);
}

void redis_subscriber_on_room(struct redis_subscriber *s)
{
    loop_flush_later(s->config.loop, &s->flush);
}

void redis_subscriber_on_tick(struct redis_subscriber *s)
{
    redis_channels_on_tick(s->channels, loop_now(s->config.loop));
    loop_flush_later(s->config.loop, &s->flush);
}

/* ---- a new connection ---- */

/* Redis 6.2 and later compare the pattern of a PSUBSCRIBE with those of the ACL as text: `&P:*`
 * permits `P:*` only. And older versions of this program did not need the right to unsubscribe. So
 * each connection tries both, with a glob to which nobody publishes. Returns true if that told
 * whether it is permitted; otherwise the connection was dropped. */
static bool learn(struct redis_subscriber *s, bool *is_permitted, const char *event,
                  const struct redisReply *reply)
{
    bool was_permitted = *is_permitted;

    if (redis_reply_is_error(reply) && !redis_reply_has_code(reply, "NOPERM")) {
        redis_link_drop(s->link, redis_reply_text(reply).p);
        return false;
    }
    *is_permitted = !redis_reply_is_error(reply);
    if (was_permitted && !*is_permitted)
        log_warn(event, LOG_S("why", redis_reply_text(reply)));
    return true;
}

static void on_glob_tried(void *owner, void *arg, enum redis_fate fate,
                          const struct redisReply *reply)
{
    struct redis_subscriber *s = owner;

    (void)arg;
    if (fate == REDIS_ANSWERED)
        (void)learn(s, &s->rights.has_globs, "redis_permits_no_globs", reply);
}

static void on_leave_tried(void *owner, void *arg, enum redis_fate fate,
                           const struct redisReply *reply)
{
    struct redis_subscriber *s = owner;

    (void)arg;
    if (fate != REDIS_ANSWERED ||
        !learn(s, &s->rights.may_leave, "redis_permits_no_unsubscribe", reply))
        return; /* on_down follows */
    redis_channels_on_up(s->channels, &s->rights);
    loop_flush_later(s->config.loop, &s->flush);
    s->config.on_open(s->config.owner);
    check_ready(s);
}

static void try_glob(struct redis_subscriber *s, struct str verb, struct redis_done done)
{
    struct buf glob = { 0 };
    struct redis_command c;

    keys_add_glob(&glob, s->config.names->channels, STR(TRIAL));
    redis_command_init(&c);
    redis_command_add(&c, verb);
    redis_command_add(&c, buf_str(&glob));
    redis_link_send(s->link, &c, done);
    buf_done(&glob);
}

void redis_subscriber_on_up(struct redis_subscriber *s, struct redis_link *link)
{
    struct redis_command c;

    assert(!s->link && s->config.n_own > 0);
    s->link = link;
    s->n_confirmed = 0;
    s->is_ready = false;
    redis_command_init(&c);
    redis_command_add(&c, STR("SUBSCRIBE"));
    for (size_t i = 0; i < s->config.n_own; i++)
        redis_command_add(&c, s->config.own[i]);
    c.n_answers = s->config.n_own;
    send(s, &c);
    try_glob(s, STR("PSUBSCRIBE"), (struct redis_done){ on_glob_tried, s, NULL, 0 });
    try_glob(s, STR("PUNSUBSCRIBE"), (struct redis_done){ on_leave_tried, s, NULL, 0 });
}

void redis_subscriber_on_down(struct redis_subscriber *s)
{
    if (!s->link)
        return;
    s->link = NULL;
    s->is_ready = false;
    redis_channels_on_down(s->channels);
}

void redis_subscriber_init(struct redis_subscriber *s, const struct redis_subscriber_config *config)
{
    *s = (struct redis_subscriber){
        .config = *config,
        .flush.fn = on_flush,
        .rights = { .has_globs = true, .may_leave = true },
    };
    s->channels = redis_channels_create(&(struct redis_channels_config){
        .names = config->names,
        .max = FEED_CHANNELS_MAX,
        .now_ms = loop_now(config->loop),
        .on_live = config->on_live,
        .owner = config->owner,
    });
}

void redis_subscriber_done(struct redis_subscriber *s)
{
    loop_cancel(&s->flush);
    redis_channels_free(s->channels);
}
