#include "broker/redis/redis_presence_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "hub/auth.h"
#include "proto/json.h"

#define COUNT_MAX 1000000000 /* more connections than a node can have */
#define FLAGS     (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

static const char *bool_text(bool b)
{
    return b ? "true" : "false";
}

void redis_presence_add_question(struct buf *out, const struct redis_presence_question *q)
{
    if (q->ask) {
        buf_add_str(out, STR("{\"ask\":"));
        json_add_value(out, q->ask, JSON_COMPACT);
        buf_addf(out, ",\"id\":%" PRIu64 ",\"node\":\"%s\",\"v\":1}", q->id, q->node);
        return;
    }
    buf_addf(out, "{\"id\":%" PRIu64 ",\"node\":\"%s\",\"subs\":%s,\"topic\":\"%s\",\"v\":1}",
             q->id, q->node, bool_text(q->wants_subs), q->filter);
}

void redis_presence_add_answer(struct buf *out, const struct redis_presence_answer *a)
{
    struct buf subs = { 0 };
    bool is_all;

    if (a->answers) {
        buf_add_str(out, STR("{\"answers\":"));
        json_add_value(out, a->answers, JSON_COMPACT);
        buf_addf(out, ",\"id\":%" PRIu64 ",\"v\":1}", a->id);
        return;
    }
    is_all = presence_add_json(&a->presence, REDIS_PRESENCE_ANSWER_MAX / 2, &subs);

    buf_addf(out,
             "{\"count\":%" PRIu64 ",\"id\":%" PRIu64 ",\"more\":%s,\"subs\":", a->presence.count,
             a->id, bool_text(a->presence.more || !is_all));
    buf_add_str(out, buf_str(&subs));
    buf_add_str(out, STR(",\"v\":1}"));
    buf_done(&subs);
}

/* ---- reading ---- */

static int read_number(const json_t *root, const char *name, int64_t max, uint64_t *ret)
{
    int64_t n;

    if (!json_whole_number(json_object_get(root, name), &n) || n < 0 || n > max)
        return EH_EINVAL;
    *ret = (uint64_t)n;
    return EH_OK;
}

static int read_flag(const json_t *root, const char *name, bool *ret)
{
    const json_t *v = json_object_get(root, name);

    *ret = json_is_true(v);
    return json_is_boolean(v) ? EH_OK : EH_EINVAL;
}

/* Returns the object in the text; NULL if it is invalid or of another version. */
static json_t *load(struct str text, size_t max)
{
    json_t *root = text.n <= max ? json_loadb(text.p, text.n, FLAGS, NULL) : NULL;
    uint64_t v;

    if (root && read_number(root, "v", 1, &v) == EH_OK && v == 1)
        return root;
    json_decref(root);
    return NULL;
}

/* Accepts the name of a node, strictly, because it becomes part of a channel's name. */
static bool is_node(struct str s)
{
    if (s.n != REDIS_NODE_TEXT)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    }
    return true;
}

int redis_presence_read_question(struct str text, struct redis_presence_question *ret)
{
    json_auto_t *root = load(text, REDIS_ASK_QUESTION_MAX);
    struct redis_presence_question q = { 0 };
    json_t *ask = json_object_get(root, "ask");
    struct str node, filter;

    if (!root || (!ask && text.n > REDIS_PRESENCE_QUESTION_MAX))
        return EH_EINVAL;
    EH_TRY(read_number(root, "id", INT64_MAX, &q.id));
    node = json_text(json_object_get(root, "node"));
    if (!is_node(node) || (ask && !json_is_object(ask)))
        return EH_EINVAL;
    memcpy(q.node, node.p, node.n);
    if (ask) {
        q.ask = json_incref(ask);
        *ret = q;
        return EH_OK;
    }
    EH_TRY(read_flag(root, "subs", &q.wants_subs));
    filter = json_text(json_object_get(root, "topic"));
    if (!filter_is_valid(filter))
        return EH_EINVAL;
    memcpy(q.filter, filter.p, filter.n);
    *ret = q;
    return EH_OK;
}

static int read_subs(const json_t *list, struct presence *p)
{
    if (!json_is_array(list) || json_array_size(list) > PRESENCE_SUBS)
        return EH_EINVAL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str sub = json_text(json_array_get(list, i));

        if (sub.n == 0 || sub.n > AUTH_SUB_MAX)
            return EH_EINVAL;
        presence_add_sub(p, sub);
    }
    return EH_OK;
}

int redis_presence_read_answer(struct str text, struct redis_presence_answer *ret)
{
    json_auto_t *root = load(text, REDIS_ASK_ANSWER_MAX);
    json_t *answers = json_object_get(root, "answers");
    struct redis_presence_answer a = { 0 };

    if (!root || (!answers && text.n > REDIS_PRESENCE_ANSWER_MAX))
        return EH_EINVAL;
    EH_TRY(read_number(root, "id", INT64_MAX, &a.id));
    if (json_is_array(answers)) {
        a.answers = json_incref(answers);
        *ret = a;
        return EH_OK;
    }
    EH_TRY(read_number(root, "count", COUNT_MAX, &a.presence.count));
    EH_TRY(read_flag(root, "more", &a.presence.more));
    if (read_subs(json_object_get(root, "subs"), &a.presence) < 0) {
        presence_done(&a.presence);
        return EH_EINVAL;
    }
    *ret = a;
    return EH_OK;
}
