#include "broker/redis/redis_payload.h"

#include <jansson.h>

#include "hub/topic.h"
#include "proto/json.h"
#include "proto/utf8.h"

/* ---- payloads exactly as publish.lua writes them: without a JSON tree ---- */

static bool take(struct str *rest, struct str text)
{
    if (!str_starts_with(*rest, text))
        return false;
    *rest = str_skip(*rest, text.n);
    return true;
}

static bool take_string(struct str *rest, struct str *ret)
{
    int n = json_read_string(*rest, NULL);

    if (n < 0)
        return false;
    *ret = str_make(rest->p, (size_t)n);
    *rest = str_skip(*rest, (size_t)n);
    return true;
}

/* Reads up to the next quotation mark: an id has no escapes. */
static bool take_id(struct str *rest, struct msgid *ret)
{
    struct str text;

    return str_cut(rest, '"', &text) && rest->p && msgid_parse(text, ret) == EH_OK;
}

/* Reads up to the next comma. Numbers that JSON or int64_t does not know are refused. */
static bool take_expiry(struct str *rest, uint64_t *ret)
{
    struct str text;

    return str_cut(rest, ',', &text) && rest->p && !(text.n > 1 && text.p[0] == '0') &&
           str_parse_u64(text, ret) == EH_OK && *ret <= INT64_MAX;
}

static bool take_author(struct str *rest, struct author *ret)
{
    struct str text;

    return str_cut(rest, '"', &text) && rest->p && author_parse(text, ret) == EH_OK &&
           take(rest, STR(","));
}

static struct message *parse_ours(struct str topic, struct str payload, uint64_t *ret_expires_ms)
{
    struct str rest = payload, text, sender = { NULL, 0 };
    uint64_t expires_ms = REDIS_EXPIRY_UNKNOWN;
    struct author author = { 0 };
    struct msgid id;

    if (!take(&rest, STR("{\"id\":\"")) || !take_id(&rest, &id) ||
        !take(&rest, STR(",\"message\":")) || !take_string(&rest, &text))
        return NULL;
    if (take(&rest, STR(",\"origin\":")) && !take_string(&rest, &sender))
        return NULL;
    if (!take(&rest, STR(",\"topic\":\"")) || !take(&rest, topic) || !take(&rest, STR("\",")))
        return NULL;
    if (take(&rest, STR("\"author\":\"")) && !take_author(&rest, &author))
        return NULL;
    if (take(&rest, STR("\"expiry\":")) && !take_expiry(&rest, &expires_ms))
        return NULL;
    if (!str_eq(rest, STR("\"v\":1}")) || !topic_is_valid(topic) || !utf8_is_valid(payload))
        return NULL;
    *ret_expires_ms = expires_ms;
    return message_create_by(id, topic, text, sender, &author);
}

/* ---- all other payloads ---- */

static size_t skip_space(struct str s, size_t i)
{
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r'))
        i++;
    return i;
}

/* Skips the string whose opening quotation mark is s[i]. Returns the index after the closing
 * one. */
static size_t skip_string(struct str s, size_t i)
{
    for (i++; i < s.n && s.p[i] != '"'; i++)
        i += s.p[i] == '\\';
    return i + 1;
}

/* Returns the JSON text of the string member `quoted` of a valid object, so that it is passed on as
 * it was published. {NULL, 0} if the member's name is written with escapes. */
static struct str raw_member(struct str object, struct str quoted)
{
    size_t depth = 0;

    for (size_t i = 0; i < object.n; i++) {
        size_t end, value;

        depth += object.p[i] == '{' || object.p[i] == '[';
        depth -= object.p[i] == '}' || object.p[i] == ']';
        if (object.p[i] != '"')
            continue;
        end = skip_string(object, i);
        value = skip_space(object, end);
        if (depth == 1 && value < object.n && object.p[value] == ':' &&
            str_eq(str_make(object.p + i, end - i), quoted)) {
            value = skip_space(object, value + 1);
            return str_make(object.p + value, skip_string(object, value) - value);
        }
        i = end - 1;
    }
    return (struct str){ NULL, 0 };
}

/* Accepts an object whose members are all valid and whose `topic` is that of the channel. Our
 * messages have 1 as `v`, those of a C++ Eventhub have none. */
static struct message *parse_tree(struct str topic, struct str payload, uint64_t *ret_expires_ms)
{
    json_auto_t *root =
        json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const json_t *origin = json_object_get(root, "origin");
    const json_t *v = json_object_get(root, "v");
    struct author author = { 0 };
    struct str text, sender;
    struct message *m;
    struct msgid id;
    int64_t version, expires_ms;

    if (msgid_parse(json_text(json_object_get(root, "id")), &id) < 0 ||
        !json_is_string(json_object_get(root, "message")) || (origin && !json_is_string(origin)))
        return NULL;
    if (!topic_is_valid(topic) || !str_eq(json_text(json_object_get(root, "topic")), topic))
        return NULL;
    if (v && !(json_whole_number(v, &version) && version == 1))
        return NULL;
    text = raw_member(payload, STR("\"message\""));
    sender = raw_member(payload, STR("\"origin\""));
    if (!text.p)
        return NULL;
    if (!v && str_eq(sender, STR("\"\"")))
        sender = STR(""); /* the publisher has no `sub` */
    if (v && author_parse(json_text(json_object_get(root, "author")), &author) < 0)
        author.n = 0;
    m = message_create_by(id, topic, text, sender, &author);
    m->legacy = !v;
    *ret_expires_ms = REDIS_EXPIRY_UNKNOWN;
    if (json_whole_number(json_object_get(root, "expiry"), &expires_ms) && expires_ms >= 0)
        *ret_expires_ms = (uint64_t)expires_ms;
    return m;
}

struct message *redis_payload_parse(struct str topic, struct str payload, uint64_t *ret_expires_ms)
{
    struct message *m = parse_ours(topic, payload, ret_expires_ms);

    return m ? m : parse_tree(topic, payload, ret_expires_ms);
}
