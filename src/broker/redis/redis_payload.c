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

static struct message *parse_ours(struct str topic, struct str payload)
{
    struct str rest = payload, text, sender = { NULL, 0 };
    struct msgid id;

    if (!take(&rest, STR("{\"id\":\"")) || !take_id(&rest, &id) ||
        !take(&rest, STR(",\"message\":")) || !take_string(&rest, &text))
        return NULL;
    if (take(&rest, STR(",\"origin\":")) && !take_string(&rest, &sender))
        return NULL;
    if (!take(&rest, STR(",\"topic\":\"")) || !take(&rest, topic) ||
        !str_eq(rest, STR("\",\"v\":1}")) || !topic_is_valid(topic) || !utf8_is_valid(payload))
        return NULL;
    return message_create(id, topic, text, sender);
}

/* ---- all other payloads ---- */

/* Reads `v`: our messages have 1, those of a C++ Eventhub have none. Any other is invalid. */
static int read_version(const json_t *root, bool *ret_legacy)
{
    const json_t *v = json_object_get(root, "v");
    int64_t version;

    if (v && !(json_whole_number(v, &version) && version == 1))
        return EH_EINVAL;
    *ret_legacy = v == NULL;
    return EH_OK;
}

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

/* Checks that all members are there and valid, and that `topic` is the topic of the channel. */
static int check_payload(struct str topic, const json_t *root, struct msgid *ret_id,
                         bool *ret_legacy)
{
    const json_t *id = json_object_get(root, "id");
    const json_t *sender = json_object_get(root, "origin");
    const json_t *named = json_object_get(root, "topic");

    if (!json_is_string(id) || !json_is_string(named) || (sender && !json_is_string(sender)) ||
        !json_is_string(json_object_get(root, "message")))
        return EH_EINVAL;
    if (!topic_is_valid(topic) || !str_eq(json_text(named), topic))
        return EH_EINVAL;
    EH_TRY(read_version(root, ret_legacy));
    return msgid_parse(json_text(id), ret_id);
}

static struct message *read_payload(struct str topic, struct str payload, const json_t *root)
{
    struct str text = raw_member(payload, STR("\"message\""));
    struct str sender = raw_member(payload, STR("\"origin\""));
    struct message *m;
    struct msgid id;
    bool legacy;

    if (check_payload(topic, root, &id, &legacy) < 0 || !text.p)
        return NULL;
    if (legacy && str_eq(sender, STR("\"\"")))
        sender = STR(""); /* the publisher has no `sub` */
    m = message_create(id, topic, text, sender);
    m->legacy = legacy;
    return m;
}

static struct message *parse_tree(struct str topic, struct str payload)
{
    json_t *root = json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    struct message *m = root ? read_payload(topic, payload, root) : NULL;

    json_decref(root);
    return m;
}

struct message *redis_payload_parse(struct str topic, struct str payload)
{
    struct message *m = parse_ours(topic, payload);

    return m ? m : parse_tree(topic, payload);
}
