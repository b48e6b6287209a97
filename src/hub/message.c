#include "hub/message.h"

#include <string.h>

#include "base/array.h"

int msgid_parse(struct str s, struct msgid *ret)
{
    struct str ms;
    struct msgid id;

    if (!str_cut(&s, '-', &ms) || str_parse_u64(ms, &id.ms) < 0 || str_parse_u64(s, &id.seq) < 0)
        return EH_EINVAL;
    *ret = id;
    return EH_OK;
}

size_t msgid_format(struct msgid id, char out[MSGID_TEXT])
{
    size_t n = str_format_u64(id.ms, out);

    out[n++] = '-';
    n += str_format_u64(id.seq, out + n);
    out[n] = '\0';
    return n;
}

#define BEFORE_ID   STR("{\"id\":\"")
#define BEFORE_TEXT STR("\",\"message\":")

/* Builds the body. A valid topic needs no escapes, so its text in the body also serves as the
 * topic. The author, which few messages have, follows the body. */
struct message *message_create_by(struct msgid id, struct str topic, struct str message_json,
                                  struct str origin_json, const struct author *author)
{
    size_t author_n = author->n ? sizeof(*author) : 0;
    const struct str end = STR("\"}}");
    char id_text[MSGID_TEXT];
    const struct str parts[] = {
        BEFORE_ID,
        { id_text, msgid_format(id, id_text) },
        BEFORE_TEXT,
        message_json,
        origin_json.n ? STR(",\"origin\":") : (struct str){ NULL, 0 },
        origin_json,
        STR(",\"topic\":\""),
        topic,
        end,
    };
    struct message *m;
    char *body, *to;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        n += parts[i].n;
    m = shared_alloc(sizeof(*m) + n + author_n);
    body = to = (char *)(m + 1);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].n)
            memcpy(to, parts[i].p, parts[i].n);
        to += parts[i].n;
    }
    if (author_n)
        memcpy(to, author, author_n);
    m->legacy = false;
    m->has_author = author_n > 0;
    m->id = id;
    m->topic = str_make(body + n - end.n - topic.n, topic.n);
    m->body = str_make(body, n);
    return m;
}

struct message *message_create(struct msgid id, struct str topic, struct str message_json,
                               struct str origin_json)
{
    const struct author nobody = { 0 };

    return message_create_by(id, topic, message_json, origin_json, &nobody);
}

struct author message_author(const struct message *m)
{
    struct author author;

    memcpy(&author, m->body.p + m->body.n, sizeof(author));
    return author;
}

struct str message_text_json(const struct message *m)
{
    char id_text[MSGID_TEXT];

    return str_skip(m->body, BEFORE_ID.n + msgid_format(m->id, id_text) + BEFORE_TEXT.n);
}
