#include "hub/auth.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "hub/token.h"
#include "hub/topic.h"
#include "proto/json.h"

#define RIGHTS (AUTH_PRESENCE + 1)

_Static_assert(AUTH_SUB_MAX == 256, "as the text says");

static const struct {
    const char *claim, *fault;
} lists[RIGHTS] = {
    [AUTH_READ] = { "read", "the claim read must be an array" },
    [AUTH_WRITE] = { "write", "the claim write must be an array" },
    [AUTH_PRESENCE] = { "presence", "the claim presence must be an array" },
};

/* Every connection holds one, so it is a single block: the rules, then the lists, sub, and the
 * rules' topics. Each entry of a list is followed by a space, which no topic or pattern
 * contains. */
struct auth {
    uint64_t expires;
    uint32_t list_n[RIGHTS]; /* in bytes */
    uint32_t sub_n;
    uint32_t n_rules;
    struct rate_rule rules[];
};

static bool is_later(const json_t *time, uint64_t now_s)
{
    json_int_t t = json_integer_value(time);

    return t > 0 && (uint64_t)t > now_s;
}

static const char *time_fault(const json_t *claims, uint64_t now_s)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *nbf = json_object_get(claims, "nbf");

    if (exp && !json_is_integer(exp))
        return "the claim exp must be an integer";
    if (nbf && !json_is_integer(nbf))
        return "the claim nbf must be an integer";
    if (exp && !is_later(exp, now_s))
        return "token expired";
    if (nbf && is_later(nbf, now_s))
        return "the token is not valid yet";
    return NULL;
}

static const char *type_fault(const json_t *claims)
{
    const json_t *sub = json_object_get(claims, "sub");

    if (sub && !json_is_string(sub))
        return "the claim sub must be a string";
    if (json_string_length(sub) > AUTH_SUB_MAX)
        return "the claim sub is longer than 256 bytes";
    for (size_t i = 0; i < RIGHTS; i++) {
        const json_t *list = json_object_get(claims, lists[i].claim);

        if (list && !json_is_array(list))
            return lists[i].fault;
    }
    return NULL;
}

static bool names(const json_t *string, struct str wanted)
{
    return json_is_string(string) && str_eq(json_text(string), wanted);
}

/* RFC 7519 4.1.3: aud is one string, or an array of them. */
static bool is_for(const json_t *aud, struct str audience)
{
    for (size_t i = 0; i < json_array_size(aud); i++) {
        if (names(json_array_get(aud, i), audience))
            return true;
    }
    return names(aud, audience);
}

static const char *party_fault(const json_t *claims, const struct auth_policy *policy)
{
    if (policy->audience.n && !is_for(json_object_get(claims, "aud"), policy->audience))
        return "the token is for another audience";
    if (policy->issuer.n && !names(json_object_get(claims, "iss"), policy->issuer))
        return "the token is from another issuer";
    return NULL;
}

/* Appends the valid entries and returns their bytes. */
static uint32_t list_build(const json_t *array, struct buf *out)
{
    size_t before = buf_used(out);

    for (size_t i = 0; i < json_array_size(array); i++) {
        struct str entry = json_text(json_array_get(array, i));

        if (!filter_is_valid(entry))
            continue;
        buf_add_str(out, entry);
        buf_add_char(out, ' ');
    }
    return (uint32_t)(buf_used(out) - before);
}

static const char *text_of(const struct auth *a)
{
    return (const char *)&a->rules[a->n_rules];
}

/* Builds the block: `head`, the rules, the text of lists and sub, the rules' topics. */
static struct auth *auth_make(const struct auth *head, const struct rate_rule *rules,
                              struct str text)
{
    size_t n = sizeof(*head) + head->n_rules * sizeof(rules[0]) + text.n;
    struct auth *a;
    char *to;

    for (uint32_t i = 0; i < head->n_rules; i++)
        n += rules[i].topic.n;
    a = mem_alloc(n);
    *a = *head;
    to = (char *)&a->rules[a->n_rules];
    assert(text.p); /* a list is not empty */
    memcpy(to, text.p, text.n);
    to += text.n;
    for (uint32_t i = 0; i < a->n_rules; i++) {
        struct str topic = rules[i].topic;

        a->rules[i] = rules[i];
        a->rules[i].topic.p = memcpy(to, topic.p, topic.n);
        to += topic.n;
    }
    return a;
}

/* Returns NULL if no list has a valid entry. Publishes are counted by sub: without it there are no
 * limits. */
static struct auth *auth_from_claims(const json_t *claims, const struct rate_rule *rules,
                                     size_t n_rules)
{
    json_int_t expires = json_integer_value(json_object_get(claims, "exp")); /* 0 if absent */
    struct str sub = json_text(json_object_get(claims, "sub"));
    struct auth head = { .expires = (uint64_t)expires,
                         .sub_n = (uint32_t)sub.n,
                         .n_rules = sub.n ? (uint32_t)n_rules : 0 };
    struct buf text = { 0 };
    struct auth *a = NULL;

    for (size_t i = 0; i < RIGHTS; i++)
        head.list_n[i] = list_build(json_object_get(claims, lists[i].claim), &text);
    buf_add_str(&text, sub);
    if (head.list_n[AUTH_READ] + head.list_n[AUTH_WRITE])
        a = auth_make(&head, rules, buf_str(&text));
    buf_done(&text);
    return a;
}

static const char *read_claims(const json_t *claims, const struct auth_policy *policy,
                               uint64_t now_s, struct auth **ret_auth)
{
    const char *why = time_fault(claims, now_s);
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n_rules;
    struct auth *a;

    if (!why)
        why = party_fault(claims, policy);
    if (!why)
        why = type_fault(claims);
    if (!why)
        why = ratelimit_read(json_object_get(claims, "rlimit"), rules, &n_rules);
    if (why)
        return why;
    a = auth_from_claims(claims, rules, n_rules);
    if (!a)
        return "the token grants no rights";
    *ret_auth = a;
    return NULL;
}

int auth_verify(struct str token, const struct auth_policy *policy, uint64_t now_s,
                struct auth **ret_auth, const char **ret_why)
{
    json_t *claims;
    const char *why;

    EH_TRY(token_open(token, policy->keys, &claims, ret_why));
    why = read_claims(claims, policy, now_s, ret_auth);
    json_decref(claims);
    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}

struct auth *auth_everything(void)
{
    static const struct auth head = { .list_n = { 2, 2, 2 } };
    static const struct rate_rule none = { .max = 0 };

    return auth_make(&head, &none, STR("# # # "));
}

void auth_free(struct auth *a)
{
    free(a);
}

static struct str auth_list(const struct auth *a, enum auth_right right)
{
    const char *text = text_of(a);

    for (size_t i = 0; i < right; i++)
        text += a->list_n[i];
    return str_make(text, a->list_n[right]);
}

bool auth_allows(const struct auth *a, enum auth_right right, struct str filter)
{
    struct str list = auth_list(a, right), entry;

    while (list.n && str_cut(&list, ' ', &entry)) {
        if (filter_covers(entry, filter))
            return true;
    }
    return false;
}

struct str auth_sub(const struct auth *a)
{
    struct str last = auth_list(a, AUTH_PRESENCE);

    return str_make(last.p + last.n, a->sub_n);
}

uint64_t auth_expires(const struct auth *a)
{
    return a->expires;
}

bool auth_rate_rule(const struct auth *a, struct str topic, struct rate_rule *ret_rule)
{
    const struct rate_rule *r = ratelimit_pick(a->rules, a->n_rules, topic);

    if (r)
        *ret_rule = *r;
    return r != NULL;
}

struct str auth_header_token(struct str value)
{
    static const struct str scheme = { "Bearer", 6 };
    struct str token = str_trim(value), rest, trimmed;

    if (token.n < scheme.n || !str_eq_nocase(str_make(token.p, scheme.n), scheme))
        return token;
    rest = str_skip(token, scheme.n);
    trimmed = str_trim(rest);
    return rest.n && trimmed.n == rest.n ? token : trimmed; /* no blank after it: not the scheme */
}
