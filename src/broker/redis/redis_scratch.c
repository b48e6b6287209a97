#include "broker/redis/redis_scratch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/array.h"
#include "base/clock.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_publish.h"
#include "broker/redis/redis_questions.h"

void redis_scratch_init(struct redis_scratch *s, struct str prefix)
{
    static const char *const types[REDIS_RIGHTS_KEYS] = { "string", "hash", "stream", "zset" };
    uint64_t id;

    *s = (struct redis_scratch){ 0 };
    if (getrandom(&id, sizeof(id), 0) < 0)
        id = clock_mono_us();
    (void)snprintf(s->topic, sizeof(s->topic), "$metrics$/check-%016" PRIx64, id);
    buf_addf(&s->prefix, "%.*s}:check-%016" PRIx64 ":{", STR_ARG(prefix), id);
    redis_names_init(&s->names, buf_str(&s->prefix));
    redis_names_set_channels(&s->names, prefix);
    for (size_t i = 0; i < REDIS_RIGHTS_KEYS; i++) {
        keys_add(&s->keys[i], buf_str(&s->prefix), str_of(types[i]));
        s->rights.keys[i] = buf_str(&s->keys[i]);
    }
    keys_add_channel(&s->channel, prefix, str_of(s->topic));
    s->rights.channel = buf_str(&s->channel);
}

void redis_scratch_done(struct redis_scratch *s)
{
    redis_names_done(&s->names);
    buf_done(&s->prefix);
    buf_done(&s->channel);
    for (size_t i = 0; i < REDIS_RIGHTS_KEYS; i++)
        buf_done(&s->keys[i]);
}

/* ---- the runs ---- */

typedef void make_fn(struct redis_command *c, struct redis_scratch *s,
                     const struct broker_config *config);

static void make_fence(struct redis_command *c, struct redis_scratch *s,
                       const struct broker_config *config)
{
    (void)config;
    redis_command_fence(c, &s->names, &(struct redis_fence){ .tail_replid = STR("") });
}

static struct broker_publish scratch_publish(const struct redis_scratch *s)
{
    return (struct broker_publish){
        .topic = str_of(s->topic),
        .message_json = STR("\"check\""),
        .origin_json = STR(""),
        .key = STR("check"),
        .limit = { .topic = STR("#"), .max = 1, .interval_s = 60 },
        .ttl_s = 60,
    };
}

static void make_publish(struct redis_command *c, struct redis_scratch *s,
                         const struct broker_config *config)
{
    const struct broker_publish publish = scratch_publish(s), *one = &publish;

    redis_publish_make(c, &s->names, config, &one, 1, (struct msgid){ 0 }, STR(""));
}

void redis_scratch_clean(struct redis_command *c, struct redis_scratch *s)
{
    const struct broker_publish publish = scratch_publish(s);

    redis_publish_clean(c, &s->names, &publish);
}

static void make_history(struct redis_command *c, struct redis_scratch *s,
                         const struct broker_config *config)
{
    const struct broker_history history = { .filter = str_of(s->topic) };
    const struct broker_history *question = &history;

    redis_questions_command(c, &s->names, config, &question, 1);
}

static void make_probe(struct redis_command *c, struct redis_scratch *s,
                       const struct broker_config *config)
{
    (void)config;
    redis_command_probe(c, &s->names, buf_str(&s->channel), STR("check"));
}

static void make_purge(struct redis_command *c, struct redis_scratch *s,
                       const struct broker_config *config)
{
    (void)config;
    redis_command_purge(c, &s->names, str_of(s->topic), (struct msgid){ 0 }, STR(""));
}

static void make_forget(struct redis_command *c, struct redis_scratch *s,
                        const struct broker_config *config)
{
    const struct str topic = str_of(s->topic);

    redis_command_forget(c, &s->names, config, &topic, 1);
}

static void make_sweep(struct redis_command *c, struct redis_scratch *s,
                       const struct broker_config *config)
{
    redis_command_forget(c, &s->names, config, NULL, 0);
}

static void make_revoke(struct redis_command *c, struct redis_scratch *s,
                        const struct broker_config *config)
{
    const struct revocation entry = { .kind = REVOKED_SUB,
                                      .name = STR("check"),
                                      .before_ms = 1,
                                      .until_ms = clock_wall_ms() + 60000 };

    (void)config;
    redis_command_revoke(c, &s->names, &entry, 1);
}

static void make_revoked(struct redis_command *c, struct redis_scratch *s,
                         const struct broker_config *config)
{
    (void)config;
    redis_command_revoked(c, &s->names, 0);
}

static const struct {
    const char *script;
    make_fn *make;
} runs[] = {
    { "fence", make_fence },     [REDIS_SCRATCH_PUBLISH] = { "publish", make_publish },
    { "history", make_history }, { "probe", make_probe },
    { "purge", make_purge },     { "forget", make_forget },
    { "forget", make_sweep },    { "revoke", make_revoke },
    { "revoked", make_revoked },
};

const char *redis_scratch_script(size_t i)
{
    return i < ARRAY_LEN(runs) ? runs[i].script : NULL;
}

void redis_scratch_command(struct redis_command *c, struct redis_scratch *s,
                           const struct broker_config *config, size_t i)
{
    assert(i < ARRAY_LEN(runs));
    runs[i].make(c, s, config);
}
