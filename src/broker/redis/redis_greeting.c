#include "broker/redis/redis_greeting.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "broker/redis/redis_reply.h"

#define WHY_MAX 160

typedef void done_fn(void *owner, void *arg, enum redis_fate fate, const redisReply *reply);
static done_fn on_authenticated, on_optional, on_info, on_selected, on_script;

static void send_first(struct redis_greeting *g, struct redis_command *c, done_fn *fn, void *arg)
{
    g->n_left++;
    redis_wire_write(g->wire, redis_request_create(c, (struct redis_done){ fn, g, arg, 0 }));
}

void redis_greeting_start(struct redis_greeting *g)
{
    struct redis_command c;

    g->n_left = 0;
    if (redis_command_login(&c, g->login))
        send_first(g, &c, on_authenticated, NULL);
    redis_command_set_name(&c, str_of(g->name));
    send_first(g, &c, on_optional, NULL);
    redis_command_info(&c);
    send_first(g, &c, on_info, NULL);
    if (g->db) {
        redis_command_select(&c, g->db);
        send_first(g, &c, on_selected, NULL);
    }
    if (!g->loads_scripts) { /* the last answer must prove that commands are accepted */
        redis_command_ping(&c);
        send_first(g, &c, on_selected, NULL);
        return;
    }
    for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
        redis_command_load(&c, (enum script)i);
        send_first(g, &c, on_script, g->shas[i]);
    }
}

static void fail(struct redis_greeting *g, const char *why)
{
    g->n_left = 0;
    g->on_end(g->owner, why);
}

static void step(struct redis_greeting *g)
{
    if (--g->n_left == 0)
        g->on_end(g->owner, NULL);
}

/* Reports whether the answer still counts: neither the connection is lost nor the greeting over. */
static bool counts(const struct redis_greeting *g, enum redis_fate fate)
{
    return fate == REDIS_ANSWERED && g->n_left > 0;
}

static void on_optional(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    (void)arg;
    (void)reply;
    if (counts(owner, fate))
        step(owner);
}

/* Handles the answer to PING or SELECT; also the last step for two others. */
static void on_selected(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    (void)arg;
    if (!counts(owner, fate))
        return;
    if (redis_reply_is_error(reply))
        fail(owner, reply->str);
    else
        step(owner);
}

/* Cuts the error at the first quotation mark: Redis may quote our arguments, even the password. */
static void on_authenticated(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    char why[WHY_MAX];

    if (!counts(owner, fate) || !redis_reply_is_error(reply)) {
        on_selected(owner, arg, fate, reply);
        return;
    }
    (void)snprintf(why, sizeof(why), "AUTH refused: %.*s", (int)strcspn(reply->str, "'`\""),
                   reply->str);
    fail(owner, why);
}

/* Returns why this server cannot be used, or NULL. */
static const char *fault_of(enum redis_role role)
{
    switch (role) {
    case REDIS_ROLE_ACTIVE_REPLICA: return REDIS_ACTIVE_REPLICA;
    case REDIS_ROLE_REPLICA: return "this Redis is a replica";
    case REDIS_ROLE_SENTINEL: return "this is a Sentinel, which keeps no data";
    case REDIS_ROLE_MASTER:
    case REDIS_ROLE_UNKNOWN: break;
    }
    return NULL;
}

static void on_info(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_greeting *g = owner;
    const char *fault;
    struct str text;

    (void)arg;
    if (!counts(g, fate))
        return;
    text = redis_reply_is_error(reply) ? STR("") : redis_reply_text(reply);
    redis_info_parse(&g->info, text.p ? text : STR(""));
    fault = g->takes_replicas ? NULL : fault_of(g->info.role);
    if (fault)
        fail(g, fault);
    else
        step(g);
}

static void on_script(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    if (counts(owner, fate) && !redis_reply_is_error(reply)) {
        if (reply->type != REDIS_REPLY_STRING || reply->len != REDIS_SHA_TEXT) {
            fail(owner, "SCRIPT LOAD was not answered with a SHA-1");
            return;
        }
        memcpy(arg, reply->str, REDIS_SHA_TEXT);
    }
    on_selected(owner, arg, fate, reply);
}

void redis_greeting_name_script(const struct redis_greeting *g, struct redis_command *c)
{
    if (!c->is_script)
        return;
    c->args[1] = g->shas[c->script];
    c->lengths[1] = REDIS_SHA_TEXT;
}
