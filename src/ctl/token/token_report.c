#include "ctl/token/token_report.h"

#include "base/array.h"
#include "ctl/term/clean.h"
#include "ctl/term/time_words.h"
#include "ctl/term/units.h"
#include "hub/ratelimit.h"
#include "hub/token.h"
#include "hub/topic.h"
#include "proto/json.h"

#define LABEL_WIDTH 11

static const struct {
    const char *claim;
    enum auth_right right;
    const char *may, *may_not;
} rights[] = {
    { "read", AUTH_READ, "may read", "may not read" },
    { "write", AUTH_WRITE, "may write", "may not write" },
    { "presence", AUTH_PRESENCE, "may see who subscribes", "may not see who subscribes" },
};

/* ---- examining ---- */

/* Converts a date of the claims to ms; false: there is none, or it is not a number. */
static bool date_ms(const json_t *claims, const char *name, uint64_t *ret)
{
    const json_t *date = json_object_get(claims, name);
    double s = json_number_value(date);

    if (!json_is_number(date))
        return false;
    *ret = s <= 0 ? 0 : s < 9e12 ? (uint64_t)(s * 1000) : (uint64_t)9e15;
    return true;
}

/* Returns the moment nearest to now at which the dates of the token permit its use. */
static uint64_t valid_time(const struct token_report *r)
{
    uint64_t begin, end, at = r->now_ms;

    if (date_ms(r->claims, "exp", &end) && end > 0 && at >= end)
        at = end - 1;
    if (date_ms(r->claims, "nbf", &begin) && at < begin)
        at = begin + 1; /* the server rounds up */
    return at;
}

static const char *key_fault(struct str token, const struct keyring *keys, struct keyring_key *ret)
{
    const char *why = NULL;

    return token_find_key(token, keys, ret, &why) < 0 ? why : NULL;
}

/* Returns why the claims give no rights at that time; NULL: the caller owns *ret. */
static const char *claims_fault(const struct buf *payload, const struct auth_policy *policy,
                                uint64_t at_ms, struct auth **ret)
{
    const char *why = NULL;

    return auth_check(buf_str(payload), policy, at_ms, ret, &why) < 0 ? why : NULL;
}

int token_report_make(struct str token, const struct auth_policy *policy, uint64_t now_ms,
                      struct token_report *ret, const char **ret_why)
{
    static const struct auth_policy any = { .keys = NULL };
    struct token_report r = { .now_ms = now_ms };
    struct auth *now = NULL;

    if (token_decode(token, &r.header_text, &r.payload_text, ret_why) < 0) {
        token_report_done(&r);
        return EH_EINVAL;
    }
    r.header = json_loadb(buf_head(&r.header_text), buf_used(&r.header_text), 0, NULL);
    r.claims = json_loadb(buf_head(&r.payload_text), buf_used(&r.payload_text), 0, NULL);
    r.key_fault = key_fault(token, policy->keys, &r.key);
    r.claims_fault = claims_fault(&r.payload_text, policy, now_ms, &now);
    r.rights_fault = claims_fault(&r.payload_text, &any, valid_time(&r), &r.rights);
    auth_free(now);
    *ret = r;
    return EH_OK;
}

void token_report_done(struct token_report *r)
{
    json_decref(r->header);
    json_decref(r->claims);
    buf_done(&r->header_text);
    buf_done(&r->payload_text);
    buf_done(&r->key_name);
    auth_free(r->rights);
    *r = (struct token_report){ 0 };
}

bool token_report_is_valid(const struct token_report *r)
{
    return !r->key_fault && !r->claims_fault;
}

/* Returns why a server refuses the token; NULL: nothing is known against it. */
static const char *fault_of(const struct token_report *r)
{
    return r->key_fault && !r->has_no_key ? r->key_fault : r->claims_fault;
}

/* Finds the limit that counts for publishing to the topic. */
static bool find_limit(const struct token_report *r, const char *topic, struct rate_rule *ret)
{
    return r->rights && topic_is_valid(str_of(topic)) &&
           auth_rate_rule(r->rights, str_of(topic), ret);
}

/* ---- text ---- */

static void add_label(struct buf *out, const char *label)
{
    buf_addf(out, "%-*s", LABEL_WIDTH, label);
}

/* Adds any JSON value: a string as it is, anything else as JSON. */
static void add_value(struct buf *out, const json_t *value)
{
    char *text;

    if (json_is_string(value)) {
        clean_add(out, json_text(value), true);
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY);
    if (text)
        clean_add(out, str_of(text), true);
    free(text);
}

static void add_header(struct buf *out, const struct token_report *r)
{
    const char *key;
    json_t *value;
    bool is_first = true;

    add_label(out, "header");
    if (!json_is_object(r->header))
        clean_add(out, buf_str(&r->header_text), true);
    json_object_foreach(r->header, key, value)
    {
        buf_add_str(out, is_first ? STR("") : STR(", "));
        clean_add(out, str_of(key), true);
        buf_add_char(out, ' ');
        add_value(out, value);
        is_first = false;
    }
    buf_add_char(out, '\n');
}

static void add_verdict(struct buf *out, const struct token_report *r)
{
    add_label(out, "signature");
    if (!r->key_fault)
        buf_addf(out, "verified with %.*s (%s)", STR_ARG(buf_str(&r->key_name)),
                 key_algorithm_name(r->key.algorithm));
    else if (r->has_no_key)
        buf_add_str(out, STR("not checked: set JWT_SECRET, or name the key (--key FILE) or the "
                             "server's configuration (--config FILE)"));
    else
        buf_addf(out, "not verified: %s", r->key_fault);
    buf_add_char(out, '\n');
    add_label(out, "status");
    if (token_report_is_valid(r))
        buf_add_str(out, STR("valid"));
    else if (fault_of(r))
        buf_addf(out, "refused: %s", fault_of(r));
    else
        buf_add_str(out, STR("unknown"));
    buf_add_char(out, '\n');
}

/* Adds a list of rights; the server ignores its invalid entries. */
static void add_list(struct buf *out, const json_t *list, bool (*is_valid)(struct str entry))
{
    size_t n = json_array_size(list);
    size_t shown = 0;

    if (!json_is_array(list)) {
        add_value(out, list);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(list, i);

        buf_add_str(out, shown++ ? STR(", ") : STR(""));
        add_value(out, entry);
        if (!is_valid(json_text(entry)))
            buf_add_str(out, STR(" (not valid: ignored)"));
    }
    if (n == 0)
        buf_add_str(out, STR("nothing"));
}

static void add_admin(struct buf *out, const json_t *claim)
{
    if (!claim)
        return;
    add_label(out, "admin");
    add_list(out, claim, auth_admin_is_known);
    buf_add_str(out, json_is_array(claim) ? STR("\n") : STR(" (not an array: ignored)\n"));
}

static void add_limit(struct buf *out, uint64_t max, uint64_t interval_s)
{
    buf_addf(out, "at most %llu publish%s in ", (unsigned long long)max, max == 1 ? "" : "es");
    duration_add(out, interval_s * 1000);
}

static void add_limits(struct buf *out, const json_t *claim)
{
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    const char *fault;
    size_t n;

    fault = ratelimit_read(claim, rules, &n);
    if (fault) {
        add_label(out, "limits");
        buf_addf(out, "%s\n", fault);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        add_label(out, i ? "" : "limits");
        buf_addf(out, "%.*s: ", STR_ARG(rules[i].topic));
        add_limit(out, rules[i].max, rules[i].interval_s);
        buf_add_char(out, '\n');
    }
}

/* Adds "in 1 hour (2026-11-30 12:47:02 UTC)". */
static void add_date(struct buf *out, const struct token_report *r, const char *claim)
{
    uint64_t ms;

    if (!date_ms(r->claims, claim, &ms)) {
        add_value(out, json_object_get(r->claims, claim));
        return;
    }
    time_words_add_distance(out, ms, r->now_ms);
    buf_add_str(out, STR(" ("));
    time_words_add_utc(out, ms);
    buf_add_char(out, ')');
}

static void add_expiry(struct buf *out, const struct token_report *r)
{
    uint64_t ms;

    if (date_ms(r->claims, "exp", &ms) && ms <= r->now_ms)
        add_label(out, "expired");
    else
        add_label(out, "expires");
    if (json_object_get(r->claims, "exp"))
        add_date(out, r, "exp");
    else
        buf_add_str(out, STR("never"));
    buf_add_char(out, '\n');
}

static void add_claim(struct buf *out, const struct token_report *r, const char *label,
                      const char *claim, bool is_date)
{
    const json_t *value = json_object_get(r->claims, claim);

    if (!value)
        return;
    add_label(out, label);
    if (is_date)
        add_date(out, r, claim);
    else
        add_value(out, value);
    buf_add_char(out, '\n');
}

static bool is_shown(const char *claim)
{
    static const char *const shown[] = { "sub",    "jti", "read", "write", "presence", "admin",
                                         "rlimit", "iat", "nbf",  "exp",   "aud",      "iss" };

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (strcmp(claim, shown[i]) == 0)
            return true;
    }
    return false;
}

static void add_others(struct buf *out, const json_t *claims)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)claims, name, value)
    {
        if (is_shown(name))
            continue;
        add_label(out, "other");
        clean_add(out, str_of(name), true);
        buf_add_char(out, ' ');
        add_value(out, value);
        buf_add_char(out, '\n');
    }
}

static void add_claims(struct buf *out, const struct token_report *r)
{
    if (!json_is_object(r->claims)) {
        add_label(out, "payload");
        clean_add(out, buf_str(&r->payload_text), true);
        buf_add_char(out, '\n');
        return;
    }
    add_claim(out, r, "subject", "sub", false);
    add_claim(out, r, "token id", "jti", false);
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        const json_t *list = json_object_get(r->claims, rights[i].claim);

        if (!list)
            continue;
        add_label(out, rights[i].claim);
        add_list(out, list, filter_is_valid);
        buf_add_char(out, '\n');
    }
    add_admin(out, json_object_get(r->claims, "admin"));
    add_limits(out, json_object_get(r->claims, "rlimit"));
    add_claim(out, r, "issued", "iat", true);
    add_claim(out, r, "begins", "nbf", true);
    add_expiry(out, r);
    add_claim(out, r, "audience", "aud", false);
    add_claim(out, r, "issuer", "iss", false);
    add_others(out, r->claims);
}

static void add_topic(struct buf *out, const struct token_report *r, const char *topic)
{
    struct rate_rule rule;

    clean_add(out, str_of(topic), true);
    buf_add_str(out, STR(": "));
    if (!filter_is_valid(str_of(topic))) {
        buf_add_str(out, STR("not a valid topic or pattern\n"));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        bool may = r->rights && auth_allows(r->rights, rights[i].right, str_of(topic));

        buf_addf(out, "%s%s", i ? ", " : "", may ? rights[i].may : rights[i].may_not);
    }
    if (find_limit(r, topic, &rule)) {
        buf_add_str(out, STR("; "));
        add_limit(out, rule.max, rule.interval_s);
    }
    buf_add_char(out, '\n');
}

void token_report_add_text(const struct token_report *r, const struct option_list *topics,
                           struct buf *out)
{
    add_header(out, r);
    add_verdict(out, r);
    add_claims(out, r);
    if (!r->rights) {
        add_label(out, "rights");
        buf_addf(out, "none: %s\n", r->rights_fault);
    }
    for (size_t i = 0; i < topics->n; i++)
        add_topic(out, r, topics->at[i]);
}

/* ---- JSON ---- */

static json_t *topic_json(const struct token_report *r, const char *topic)
{
    json_t *o = json_object();
    struct rate_rule rule;
    bool is_valid = filter_is_valid(str_of(topic));

    (void)json_object_set_new(o, "topic", json_string(topic));
    (void)json_object_set_new(o, "valid", json_boolean(is_valid));
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        bool may = is_valid && r->rights && auth_allows(r->rights, rights[i].right, str_of(topic));

        (void)json_object_set_new(o, rights[i].claim, json_boolean(may));
    }
    if (find_limit(r, topic, &rule))
        (void)json_object_set_new(o, "limit",
                                  json_pack("{s:s%,s:I,s:I}", "topic", rule.topic.p, rule.topic.n,
                                            "max", (json_int_t)rule.max, "interval",
                                            (json_int_t)rule.interval_s));
    return o;
}

/* Returns a new reference; null for a part that jansson cannot read. */
static json_t *part_json(json_t *part)
{
    return part ? json_incref(part) : json_null();
}

json_t *token_report_json(const struct token_report *r, const struct option_list *topics)
{
    json_t *o = json_object(), *list = json_array(), *key = json_null();
    struct str name = buf_str(&r->key_name);

    if (!r->key_fault)
        key = json_pack("{s:s%,s:s,s:s%}", "name", name.p ? name.p : "", name.n, "alg",
                        key_algorithm_name(r->key.algorithm), "kid", r->key.kid.p, r->key.kid.n);
    (void)json_object_set_new(o, "header", part_json(r->header));
    (void)json_object_set_new(o, "claims", part_json(r->claims));
    (void)json_object_set_new(
        o, "verified", r->key_fault && r->has_no_key ? json_null() : json_boolean(!r->key_fault));
    (void)json_object_set_new(o, "key", key);
    (void)json_object_set_new(o, "valid",
                              token_report_is_valid(r) || fault_of(r)
                                  ? json_boolean(token_report_is_valid(r))
                                  : json_null());
    (void)json_object_set_new(o, "why", fault_of(r) ? json_string(fault_of(r)) : json_null());
    for (size_t i = 0; i < topics->n; i++)
        (void)json_array_append_new(list, topic_json(r, topics->at[i]));
    (void)json_object_set_new(o, "topics", list);
    return o;
}
