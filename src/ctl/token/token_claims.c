#include "ctl/token/token_claims.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ctl/term/units.h"
#include "hub/auth.h"
#include "hub/ratelimit.h"
#include "hub/revoked.h"
#include "hub/topic.h"

#define FILTER_RULE                                                                                \
    "must be a topic or pattern such as news/today, news/# or room/+/chat "                        \
    "(letters, digits, - and _ between slashes)"
#define LIMIT_RULE "must be TOPIC=COUNT/INTERVAL, in whole seconds, such as chat/#=10/1s"

_Static_assert(REVOKED_NAME_MAX == 256, "as the text says");

static int refuse(struct buf *why, const char *option, const char *rule, const char *text)
{
    buf_addf(why, "--%s %s, not \"%s\"", option, rule, text);
    return EH_EINVAL;
}

static bool is_filter(const char *text)
{
    return filter_is_valid(str_of(text));
}

static bool is_admin_right(const char *name)
{
    return auth_admin_is_known(str_of(name));
}

/* Adds the claim of the option with this name, unless its list is empty. Each entry must be valid,
 * and `rule` says how one is. */
static int add_list(json_t *claims, const char *name, const struct option_list *list,
                    bool (*is_valid)(const char *entry), const char *rule, struct buf *why)
{
    json_t *array;

    if (list->n == 0)
        return EH_OK;
    array = json_array();
    (void)json_object_set_new(claims, name, array);
    for (size_t i = 0; i < list->n; i++) {
        if (!is_valid(list->at[i]))
            return refuse(why, name, rule, list->at[i]);
        (void)json_array_append_new(array, json_string(list->at[i]));
    }
    return EH_OK;
}

static int add_rights(json_t *claims, const struct token_wish *wish, struct buf *why)
{
    EH_TRY(add_list(claims, "read", wish->read, is_filter, FILTER_RULE, why));
    EH_TRY(add_list(claims, "write", wish->write, is_filter, FILTER_RULE, why));
    EH_TRY(add_list(claims, "presence", wish->presence, is_filter, FILTER_RULE, why));
    return add_list(claims, "admin", wish->admin, is_admin_right,
                    "must be clients, publish, log or tokens, one for each --admin", why);
}

/* Reads the interval "1s", "10m", or a unit alone ("s"), in whole seconds. */
static bool parse_interval(struct str text, json_int_t *ret_s)
{
    struct buf with_number = { 0 };
    uint64_t ms = 0;
    bool is_valid;

    if (text.n && !(text.p[0] >= '0' && text.p[0] <= '9'))
        buf_add_char(&with_number, '1');
    buf_add_str(&with_number, text);
    is_valid = duration_parse(buf_str(&with_number), &ms) && ms % 1000 == 0;
    buf_done(&with_number);
    *ret_s = (json_int_t)(ms / 1000);
    return is_valid;
}

/* Reads TOPIC=COUNT/INTERVAL; hub/ratelimit judges the values. NULL: it has another form. */
static json_t *parse_limit(struct str text)
{
    struct str topic, count;
    json_int_t interval_s;
    uint64_t max;

    if (!str_cut(&text, '=', &topic) || !str_cut(&text, '/', &count) || !text.p)
        return NULL;
    if (str_parse_u64(count, &max) < 0 || max > INT64_MAX || !parse_interval(text, &interval_s))
        return NULL;
    return json_pack("{s:s%,s:I,s:I}", "topic", topic.p, topic.n, "interval", interval_s, "max",
                     (json_int_t)max);
}

static int add_limits(json_t *claims, const struct token_wish *wish, struct buf *why)
{
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    const char *fault;
    json_t *array;
    size_t n;

    if (wish->limits->n == 0)
        return EH_OK;
    if (!wish->sub || !wish->sub[0]) {
        buf_addf(why, "--rlimit needs --sub: publishes are counted for each sub, so a server "
                      "ignores the limits of a token without one");
        return EH_EINVAL;
    }
    array = json_array();
    (void)json_object_set_new(claims, "rlimit", array);
    for (size_t i = 0; i < wish->limits->n; i++) {
        json_t *rule = parse_limit(str_of(wish->limits->at[i]));

        if (!rule)
            return refuse(why, "rlimit", LIMIT_RULE, wish->limits->at[i]);
        (void)json_array_append_new(array, rule);
    }
    fault = ratelimit_read(array, rules, &n);
    if (fault)
        buf_addf(why, "--rlimit: %s", fault);
    return fault ? EH_EINVAL : EH_OK;
}

static int add_text(json_t *claims, const char *name, const char *value, struct buf *why)
{
    if (!value || !value[0])
        return EH_OK;
    if (json_object_set_new(claims, name, json_string(value)) == 0)
        return EH_OK;
    buf_addf(why, "--%s must be text in UTF-8", name);
    return EH_EINVAL;
}

static int add_claims(json_t *claims, const struct token_wish *wish, uint64_t now_ms,
                      struct buf *why)
{
    json_int_t now_s = (json_int_t)(now_ms / 1000);

    if (wish->read->n + wish->write->n + wish->admin->n == 0) {
        buf_addf(why, "the token would grant nothing: give --read or --write a topic or pattern, "
                      "or --admin a right");
        return EH_EINVAL;
    }
    EH_TRY(add_text(claims, "sub", wish->sub, why));
    EH_TRY(add_text(claims, "jti", wish->jti, why));
    if (wish->jti && strlen(wish->jti) > REVOKED_NAME_MAX) {
        buf_addf(why, "--jti may have at most 256 bytes: a server ignores a longer one");
        return EH_EINVAL;
    }
    EH_TRY(add_rights(claims, wish, why));
    EH_TRY(add_limits(claims, wish, why));
    EH_TRY(add_text(claims, "aud", wish->audience, why));
    EH_TRY(add_text(claims, "iss", wish->issuer, why));
    (void)json_object_set_new(claims, "iat", json_integer(now_s));
    (void)json_object_set_new(claims, "exp",
                              json_integer(now_s + (json_int_t)(wish->ttl_ms / 1000)));
    return EH_OK;
}

/* Asks the server's own rules about the whole. */
static int check(struct str payload, uint64_t now_ms, struct buf *why)
{
    static const struct auth_policy any = { .keys = NULL };
    struct auth *a = NULL;
    const char *fault;

    if (auth_check(payload, &any, now_ms, &a, &fault) < 0) {
        buf_addf(why, "a server would refuse this token: %s", fault);
        return EH_EINVAL;
    }
    auth_free(a);
    return EH_OK;
}

int token_claims_build(const struct token_wish *wish, uint64_t now_ms, struct buf *ret_payload,
                       struct buf *why)
{
    json_auto_t *claims = json_object();
    char *payload;
    int rc;

    EH_TRY(add_claims(claims, wish, now_ms, why));
    payload = json_dumps(claims, JSON_COMPACT);
    rc = check(str_of(payload), now_ms, why);
    if (rc == EH_OK)
        buf_add_str(ret_payload, str_of(payload));
    free(payload);
    return rc;
}
