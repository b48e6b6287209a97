#include "hub/auth.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/mem.h"
#include "hub/claims.h"
#include "hub/revoked.h"
#include "hub/token.h"
#include "hub/topic.h"
#include "proto/json.h"

#define RIGHTS (AUTH_PRESENCE + 1)

_Static_assert(AUTH_SUB_MAX == 256, "as the text says");
_Static_assert(REVOKED_NAME_MAX >= AUTH_SUB_MAX, "every sub can be revoked");

static const struct {
    const char *claim, *fault;
} lists[RIGHTS] = {
    [AUTH_READ] = { "read", "the claim read must be an array" },
    [AUTH_WRITE] = { "write", "the claim write must be an array" },
    [AUTH_PRESENCE] = { "presence", "the claim presence must be an array" },
};

static const char *const admin_names[AUTH_ADMIN_RIGHTS] = {
    [AUTH_ADMIN_CLIENTS] = "clients",
    [AUTH_ADMIN_PUBLISH] = "publish",
    [AUTH_ADMIN_LOG] = "log",
    [AUTH_ADMIN_TOKENS] = "tokens",
};

#define ALL_ADMIN ((1U << AUTH_ADMIN_RIGHTS) - 1)

static const struct claim used_claims[] = {
    CLAIM("the claim exp", "exp"),
    CLAIM("the claim nbf", "nbf"),
    CLAIM("the claim sub", "sub"),
    CLAIM("the claim read", "read"),
    CLAIM("the claim write", "write"),
    CLAIM("the claim presence", "presence"),
    CLAIM("the claim rlimit", "rlimit"),
    CLAIM("the claim admin", "admin"),
    { .name = "jti" },
    { .name = "iat" },
};
static const struct claim audience_claim = CLAIM("the claim aud", "aud");
static const struct claim issuer_claim = CLAIM("the claim iss", "iss");

_Static_assert(ARRAY_LEN(used_claims) + 2 <= CLAIMS_MAX, "with aud and iss");

/* Every connection holds one, so it is a single block: the rules, then the lists, sub, jti, and the
 * rules' topics. Each entry of a list is followed by a space, which no topic or pattern
 * contains. */
struct auth {
    uint64_t expires_ms;     /* 0: never */
    uint64_t issued_ms;      /* 0: not known */
    uint32_t list_n[RIGHTS]; /* in bytes */
    uint32_t sub_n, jti_n;
    uint32_t n_rules;
    uint8_t admin; /* a bit for each enum auth_admin */
    struct rate_rule rules[];
};

#define FAR_FUTURE_S 9e12 /* the year 287,000: in microseconds it still fits into 64 bits */

/* Converts a NumericDate (RFC 7519, 2), seconds with any fraction, to microseconds. Until the year
 * 2255 that is as exact as a double. A time before the epoch becomes 0. */
static uint64_t date_us(const json_t *date)
{
    double s = json_number_value(date);

    if (s <= 0)
        return 0;
    return s < FAR_FUTURE_S ? (uint64_t)(s * 1e6 + 0.5) : (uint64_t)FAR_FUTURE_S * 1000000;
}

/* Rounds exp down, as begin_ms rounds nbf up, so that no token is accepted at its exp or before its
 * nbf: our clock counts whole milliseconds and is up to one behind. */
static uint64_t expiry_ms(const json_t *exp, const struct auth_policy *policy)
{
    return date_us(exp) / 1000 + policy->leeway_ms;
}

static uint64_t begin_ms(const json_t *nbf)
{
    return (date_us(nbf) + 999) / 1000;
}

static bool names(const json_t *string, struct str wanted)
{
    return json_is_string(string) && str_eq(json_text(string), wanted);
}

/* Reports whether aud, which is a string or an array of them (RFC 7519 4.1.3), names the
 * audience. */
static bool is_for(const json_t *aud, struct str audience)
{
    for (size_t i = 0; i < json_array_size(aud); i++) {
        if (names(json_array_get(aud, i), audience))
            return true;
    }
    return names(aud, audience);
}

/* Returns why the claims are refused, or NULL. */
static const char *claims_fault(const json_t *claims, const struct auth_policy *policy,
                                uint64_t now_ms)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *nbf = json_object_get(claims, "nbf");
    const json_t *aud = json_object_get(claims, "aud");
    const json_t *iss = json_object_get(claims, "iss");
    const json_t *sub = json_object_get(claims, "sub");

    if (exp && !json_is_number(exp))
        return "the claim exp must be a number of seconds since the epoch";
    if (nbf && !json_is_number(nbf))
        return "the claim nbf must be a number of seconds since the epoch";
    if (exp && expiry_ms(exp, policy) <= now_ms)
        return "the token has expired: the claim exp is in the past";
    if (nbf && begin_ms(nbf) > now_ms + policy->leeway_ms)
        return "the token is not valid yet: the claim nbf is in the future";

    if (policy->audience.n && !aud)
        return "the claim aud is missing: the server requires an audience";
    if (policy->audience.n && !is_for(aud, policy->audience))
        return "the claim aud does not name the server's audience";
    if (policy->issuer.n && !iss)
        return "the claim iss is missing: the server requires an issuer";
    if (policy->issuer.n && !names(iss, policy->issuer))
        return "the claim iss does not name the server's issuer";

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

/* Returns the bits of the entries that are known. */
static uint8_t admin_read(const json_t *array)
{
    unsigned bits = 0;

    for (size_t i = 0; i < json_array_size(array); i++) {
        for (size_t right = 0; right < AUTH_ADMIN_RIGHTS; right++) {
            if (names(json_array_get(array, i), str_of(admin_names[right])))
                bits |= 1U << right;
        }
    }
    return (uint8_t)bits;
}

/* A jti that no revocation can name is ignored, since tokens that were valid before the server read
 * this claim must stay valid. Such a token can be revoked by its sub. */
static struct str usable_jti(const json_t *jti)
{
    struct str text = json_text(jti);

    return text.n <= REVOKED_NAME_MAX ? text : STR("");
}

/* Builds the block: `head`, the rules, the text of lists, sub and jti, the rules' topics. */
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
    if (text.n)
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

/* Returns NULL if the token grants nothing. Publishes are counted by sub: without it there are no
 * limits. */
static struct auth *auth_from_claims(const json_t *claims, const struct auth_policy *policy,
                                     const struct rate_rule *rules, size_t n_rules)
{
    const json_t *exp = json_object_get(claims, "exp");
    struct str sub = json_text(json_object_get(claims, "sub"));
    struct str jti = usable_jti(json_object_get(claims, "jti"));
    struct auth head = { .expires_ms = exp ? expiry_ms(exp, policy) : 0,
                         .issued_ms = date_us(json_object_get(claims, "iat")) / 1000,
                         .sub_n = (uint32_t)sub.n,
                         .jti_n = (uint32_t)jti.n,
                         .n_rules = sub.n ? (uint32_t)n_rules : 0,
                         .admin = admin_read(json_object_get(claims, "admin")) };
    struct buf text = { 0 };
    struct auth *a = NULL;

    for (size_t i = 0; i < RIGHTS; i++)
        head.list_n[i] = list_build(json_object_get(claims, lists[i].claim), &text);
    buf_add_str(&text, sub);
    buf_add_str(&text, jti);
    if (head.list_n[AUTH_READ] + head.list_n[AUTH_WRITE] || head.admin)
        a = auth_make(&head, rules, buf_str(&text));
    buf_done(&text);
    return a;
}

/* Reads the claims that the server uses: aud and iss only if the policy names them. */
static const char *read_claims(struct str payload, const struct auth_policy *policy,
                               json_t **ret_claims)
{
    struct claim used[CLAIMS_MAX];
    size_t n = ARRAY_LEN(used_claims);

    memcpy(used, used_claims, sizeof(used_claims));
    if (policy->audience.n)
        used[n++] = audience_claim;
    if (policy->issuer.n)
        used[n++] = issuer_claim;
    return claims_read(payload, "the token's payload is not a JSON object", used, n, ret_claims);
}

static const char *check_claims(const json_t *claims, const struct auth_policy *policy,
                                uint64_t now_ms, struct auth **ret_auth)
{
    const char *why = claims_fault(claims, policy, now_ms);
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n_rules;
    struct auth *a;

    if (!why)
        why = ratelimit_read(json_object_get(claims, "rlimit"), rules, &n_rules);
    if (why)
        return why;
    a = auth_from_claims(claims, policy, rules, n_rules);
    if (!a)
        return "the claims read and write have no valid topic or pattern: the token grants no "
               "rights";
    *ret_auth = a;
    return NULL;
}

int auth_check(struct str payload, const struct auth_policy *policy, uint64_t now_ms,
               struct auth **ret_auth, const char **ret_why)
{
    json_auto_t *claims = NULL;
    const char *why = read_claims(payload, policy, &claims);

    if (!why)
        why = check_claims(claims, policy, now_ms, ret_auth);
    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}

int auth_verify(struct str token, const struct auth_policy *policy, uint64_t now_ms,
                struct auth **ret_auth, const char **ret_why)
{
    struct buf payload = { 0 };
    int rc = token_open(token, policy->keys, &payload, ret_why);

    if (rc == EH_OK)
        rc = auth_check(buf_str(&payload), policy, now_ms, ret_auth, ret_why);
    buf_done(&payload);
    return rc;
}

struct auth *auth_everything(void)
{
    static const struct auth head = { .list_n = { 2, 2, 2 }, .admin = ALL_ADMIN };
    static const struct rate_rule none = { .max = 0 };

    return auth_make(&head, &none, STR("# # # "));
}

void auth_free(struct auth *a)
{
    free(a);
}

static struct str auth_list(const struct auth *a, enum auth_right right)
{
    const char *text = (const char *)&a->rules[a->n_rules];

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

bool auth_administers(const struct auth *a, enum auth_admin right)
{
    return a->admin & 1U << right;
}

const char *auth_admin_name(enum auth_admin right)
{
    return admin_names[right];
}

bool auth_admin_is_known(struct str name)
{
    for (size_t right = 0; right < AUTH_ADMIN_RIGHTS; right++) {
        if (str_eq(name, str_of(admin_names[right])))
            return true;
    }
    return false;
}

struct str auth_sub(const struct auth *a)
{
    struct str last = auth_list(a, AUTH_PRESENCE);

    return str_make(last.p + last.n, a->sub_n);
}

struct str auth_jti(const struct auth *a)
{
    struct str sub = auth_sub(a);

    return str_make(sub.p + sub.n, a->jti_n);
}

uint64_t auth_issued_ms(const struct auth *a)
{
    return a->issued_ms;
}

uint64_t auth_expires_ms(const struct auth *a)
{
    return a->expires_ms;
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
    struct str rest = str_trim(value), scheme;
    size_t n = 0;

    if (rest.n == 0)
        return (struct str){ NULL, 0 };
    while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
        n++;
    scheme = str_make(rest.p, n);
    rest = str_trim(str_skip(rest, n));
    if (str_eq_nocase(scheme, STR("Bearer")))
        return rest;
    if (rest.n == 0 && memchr(scheme.p, '.', n)) /* a token without a scheme */
        return scheme;
    return (struct str){ NULL, 0 };
}
