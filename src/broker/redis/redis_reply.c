#include "broker/redis/redis_reply.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "hub/topic.h"

/* ---- single replies ---- */

bool redis_reply_is_error(const struct redisReply *r)
{
    return r->type == REDIS_REPLY_ERROR;
}

struct str redis_reply_text(const struct redisReply *r)
{
    if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS &&
        r->type != REDIS_REPLY_ERROR)
        return (struct str){ NULL, 0 };
    return str_make(r->str, (size_t)r->len);
}

/* Up to Redis 6 a script's error quotes the original: `... @user_script: 61: -READONLY You ...`. */
bool redis_reply_has_code(const struct redisReply *r, const char *code)
{
    struct str text = redis_reply_text(r);
    char quoted[32];

    if (!redis_reply_is_error(r))
        return false;
    if (str_starts_with(text, str_of(code)))
        return true;
    (void)snprintf(quoted, sizeof(quoted), "-%s ", code);
    return memmem(text.p, text.n, quoted, strlen(quoted)) != NULL;
}

bool redis_reply_needs_reconnect(const struct redisReply *r)
{
    static const char *const codes[] = { "READONLY", "LOADING", "MASTERDOWN", "NOAUTH" };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (redis_reply_has_code(r, codes[i]))
            return true;
    }
    return false;
}

static int read_id(const struct redisReply *r, struct msgid *ret)
{
    struct str text = redis_reply_text(r);

    if (redis_reply_is_error(r) || !text.p)
        return EH_EINVAL;
    return msgid_parse(text, ret);
}

static bool is_array(const struct redisReply *r, size_t n)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == n;
}

static int read_flag(const struct redisReply *r, bool *ret)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return EH_EINVAL;
    *ret = r->integer != 0;
    return EH_OK;
}

int redis_reply_count(const struct redisReply *r, uint64_t *ret)
{
    if (r->type != REDIS_REPLY_INTEGER || r->integer < 0)
        return EH_EINVAL;
    *ret = (uint64_t)r->integer;
    return EH_OK;
}

int redis_reply_position(const struct redisReply *r, struct msgid *ret)
{
    return read_id(r, ret);
}

const struct redisReply *redis_reply_of_message(const struct redisReply *r, size_t n, size_t i)
{
    if (redis_reply_is_error(r))
        return r;
    return is_array(r, n) && i < n ? r->element[i] : NULL;
}

int redis_reply_publish(const struct redisReply *r, struct broker_publish *p)
{
    p->ret_repeated = r->type == REDIS_REPLY_STATUS;
    p->ret_retry_ms = 0;
    if (r->type != REDIS_REPLY_INTEGER)
        return read_id(r, &p->ret_id);
    p->ret_retry_ms = r->integer > 0 ? (uint64_t)r->integer : 1;
    return EH_OK;
}

int redis_reply_get(const struct redisReply *r, struct broker_kv *kv)
{
    if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_NIL)
        return EH_EINVAL;
    kv->ret_found = r->type == REDIS_REPLY_STRING;
    kv->ret_value = kv->ret_found ? bytes_copy(redis_reply_text(r)) : NULL;
    return EH_OK;
}

int redis_reply_set(const struct redisReply *r)
{
    bool is_ok = r->type == REDIS_REPLY_STATUS && str_eq(redis_reply_text(r), STR("OK"));

    return is_ok ? EH_OK : EH_EINVAL;
}

int redis_reply_delete(const struct redisReply *r, struct broker_kv *kv)
{
    return read_flag(r, &kv->ret_found);
}

static int read_id_or_none(const struct redisReply *r, struct msgid *ret)
{
    struct str text = redis_reply_text(r);

    if (text.p && text.n == 0) {
        *ret = (struct msgid){ 0 };
        return EH_OK;
    }
    return read_id(r, ret);
}

static int read_replid(const struct redisReply *r, char ret[REPLID_N])
{
    struct str text = redis_reply_text(r);

    if (redis_reply_is_error(r) || !text.p || text.n >= REPLID_N)
        return EH_EINVAL;
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return EH_OK;
}

int redis_reply_fence(const struct redisReply *r, struct redis_fenced *ret)
{
    struct redis_fenced f;

    if (!is_array(r, 6))
        return EH_EINVAL;
    EH_TRY(read_id(r->element[0], &f.ids.last));
    EH_TRY(read_id_or_none(r->element[1], &f.ids.log_start));
    EH_TRY(read_replid(r->element[2], f.replid));
    EH_TRY(read_flag(r->element[3], &f.has_missed));
    EH_TRY(read_id(r->element[4], &f.tail));
    EH_TRY(read_replid(r->element[5], f.tail_replid));
    if (msgid_is_zero(f.ids.last))
        return EH_EINVAL;
    *ret = f;
    return EH_OK;
}

int redis_reply_probe(const struct redisReply *r, struct redis_probed *ret)
{
    struct redis_probed p;

    if (!is_array(r, 4))
        return EH_EINVAL;
    EH_TRY(read_id_or_none(r->element[0], &p.ids.last));
    EH_TRY(read_id_or_none(r->element[1], &p.ids.log_start));
    EH_TRY(read_replid(r->element[2], p.replid));
    EH_TRY(read_flag(r->element[3], &p.is_current));
    *ret = p;
    return EH_OK;
}

/* ---- a page of history ---- */

enum {
    PAGE_SNAPSHOT_END,
    PAGE_SINCE,
    PAGE_AFTER,
    PAGE_MORE,
    PAGE_COMPLETE,
    PAGE_GAPS,
    PAGE_GONE,
    PAGE_ENTRIES
};
enum { NAMES_INDEX, NAMES_AT, NAMES_FIRST };
enum { ENTRY_ID, ENTRY_TOPIC, ENTRY_MESSAGE, ENTRY_ORIGIN, ENTRY_FIELDS };

/* Cuts the author off the origin, which begins with a quotation mark. It is absent from most
 * entries. */
static struct author cut_author(struct str *origin)
{
    const char *quote = origin->n ? memchr(origin->p, '"', origin->n) : NULL;
    struct str text = str_make(origin->p, quote ? (size_t)(quote - origin->p) : origin->n);
    struct author author = { 0 };

    *origin = str_skip(*origin, text.n);
    if (text.n && author_parse(text, &author) < 0)
        author.n = 0;
    return author;
}

static int read_entries(const struct redisReply *r, struct broker_history *h)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements % ENTRY_FIELDS != 0)
        return EH_EINVAL;
    h->ret_n = 0;
    h->ret_items = mem_array(NULL, r->elements / ENTRY_FIELDS, sizeof(h->ret_items[0]));
    for (size_t i = 0; i < r->elements; i += ENTRY_FIELDS) {
        redisReply **field = r->element + i;
        struct str topic = redis_reply_text(field[ENTRY_TOPIC]);
        struct str message = redis_reply_text(field[ENTRY_MESSAGE]);
        struct str origin = redis_reply_text(field[ENTRY_ORIGIN]);
        struct author author;
        struct msgid id;

        if (read_id(field[ENTRY_ID], &id) < 0 || !topic_is_valid(topic) || message.n < 2 ||
            !origin.p) {
            while (h->ret_n > 0)
                message_unref(h->ret_items[--h->ret_n]);
            free(h->ret_items);
            h->ret_items = NULL;
            return EH_EINVAL;
        }
        author = cut_author(&origin);
        h->ret_items[h->ret_n++] = message_create_by(id, topic, message, origin, &author);
    }
    return EH_OK;
}

static size_t read_topics(const struct redisReply *r, struct str *ret_topics, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements && n < max; i++) {
        ret_topics[n] = redis_reply_text(r->element[i]);
        if (ret_topics[n].p)
            n++;
    }
    return n;
}

static struct gaps *read_gaps(const struct redisReply *r)
{
    struct str topics[GAPS_MAX];
    size_t n = read_topics(r, topics, GAPS_MAX);

    for (size_t i = 0; i < n; i++) {
        if (!topic_is_valid(topics[i]))
            return NULL;
    }
    return n ? gaps_create(topics, n) : NULL;
}

const struct redisReply *redis_reply_answer(const struct redisReply *r, size_t n, size_t i)
{
    return is_array(r, n) ? r->element[i] : NULL;
}

bool redis_reply_is_again(const struct redisReply *r)
{
    return r->type == REDIS_REPLY_INTEGER;
}

/* Reads what all answers have. */
static int read_head(const struct redisReply *r, struct broker_history *h)
{
    redisReply **field = r->element;
    const struct redisReply *complete;

    if (!is_array(r, PAGE_ENTRIES + 1) || field[PAGE_ENTRIES]->type != REDIS_REPLY_ARRAY)
        return EH_EINVAL;
    EH_TRY(read_id(field[PAGE_SNAPSHOT_END], &h->snapshot_end));
    EH_TRY(read_id(field[PAGE_AFTER], &h->after));
    EH_TRY(read_flag(field[PAGE_MORE], &h->ret_more));
    complete = field[PAGE_COMPLETE];
    if (complete->type != REDIS_REPLY_INTEGER)
        return EH_EINVAL;
    h->ret_complete = complete->integer > 0;
    if (h->since < 0) /* Lua's numbers are doubles, so an absolute time is not read back */
        EH_TRY(str_parse_i64(redis_reply_text(field[PAGE_SINCE]), &h->since));
    h->newest = 0;
    return EH_OK;
}

static void read_missing(const struct redisReply *r, struct broker_history *h, struct str *ret_gone,
                         size_t max_gone, size_t *ret_n_gone)
{
    h->ret_gaps = h->ret_complete ? NULL : read_gaps(r->element[PAGE_GAPS]);
    *ret_n_gone = read_topics(r->element[PAGE_GONE], ret_gone, max_gone);
}

int redis_reply_history(const struct redisReply *r, struct broker_history *h, struct str *ret_gone,
                        size_t max_gone, size_t *ret_n_gone)
{
    EH_TRY(read_head(r, h));
    EH_TRY(read_entries(r->element[PAGE_ENTRIES], h));
    read_missing(r, h, ret_gone, max_gone, ret_n_gone);
    return EH_OK;
}

bool redis_reply_is_held(const struct redisReply *r)
{
    return r->element[PAGE_COMPLETE]->integer >= 0;
}

int redis_reply_ids(const struct redisReply *r, struct redis_answer *a, struct str *ret_gone,
                    size_t max_gone, size_t *ret_n_gone)
{
    const struct redisReply *ids;

    EH_TRY(read_head(r, &a->page));
    ids = r->element[PAGE_ENTRIES];
    a->ids = mem_array(NULL, ids->elements, sizeof(a->ids[0]));
    for (a->n_ids = 0; a->n_ids < ids->elements; a->n_ids++)
        EH_TRY(read_id(ids->element[a->n_ids], &a->ids[a->n_ids]));
    read_missing(r, &a->page, ret_gone, max_gone, ret_n_gone);
    return EH_OK;
}

int redis_reply_latest(const struct redisReply *r, struct redis_answer *a, struct str *ret_gone,
                       size_t max_gone, size_t *ret_n_gone)
{
    const struct redisReply *pairs;

    EH_TRY(read_head(r, &a->page));
    pairs = r->element[PAGE_ENTRIES];
    if (pairs->elements % 2 != 0)
        return EH_EINVAL;
    a->ids = mem_array(NULL, pairs->elements / 2, sizeof(a->ids[0]));
    a->numbers = mem_array(NULL, pairs->elements / 2, sizeof(a->numbers[0]));
    for (; a->n_ids < pairs->elements / 2; a->n_ids++) {
        const struct redisReply *number = pairs->element[2 * a->n_ids + 1];

        EH_TRY(read_id(pairs->element[2 * a->n_ids], &a->ids[a->n_ids]));
        if (number->type != REDIS_REPLY_INTEGER || number->integer < 1 ||
            number->integer > UINT32_MAX)
            return EH_EINVAL;
        a->numbers[a->n_ids] = (uint32_t)(number->integer - 1);
    }
    read_missing(r, &a->page, ret_gone, max_gone, ret_n_gone);
    return EH_OK;
}

int redis_reply_states(const struct redisReply *r, struct redis_answer *a)
{
    const struct redisReply *pairs;

    EH_TRY(read_head(r, &a->page));
    pairs = r->element[PAGE_ENTRIES];
    if (pairs->elements == 0 || pairs->elements % 2 != 0)
        return EH_EINVAL;
    a->ids = mem_array(NULL, pairs->elements / 2, sizeof(a->ids[0]));
    a->lengths = mem_array(NULL, pairs->elements / 2, sizeof(a->lengths[0]));
    for (; a->n_ids < pairs->elements / 2; a->n_ids++) {
        EH_TRY(read_id_or_none(pairs->element[2 * a->n_ids], &a->ids[a->n_ids]));
        EH_TRY(redis_reply_count(pairs->element[2 * a->n_ids + 1], &a->lengths[a->n_ids]));
    }
    return EH_OK;
}

int redis_reply_names(const struct redisReply *r, struct redis_answer *a)
{
    const struct redisReply *names;

    EH_TRY(read_head(r, &a->page));
    names = r->element[PAGE_ENTRIES];
    if (names->elements < NAMES_FIRST)
        return EH_EINVAL;
    a->index = redis_reply_text(names->element[NAMES_INDEX]);
    a->at = redis_reply_text(names->element[NAMES_AT]);
    if (!a->index.p || !a->at.p)
        return EH_EINVAL;
    a->names = mem_array(NULL, names->elements, sizeof(a->names[0]));
    for (size_t i = NAMES_FIRST; i < names->elements; i++) {
        struct str name = redis_reply_text(names->element[i]);

        if (name.p)
            a->names[a->n_names++] = name;
    }
    return EH_OK;
}

void redis_answer_done(struct redis_answer *a)
{
    for (size_t i = 0; i < a->page.ret_n; i++)
        message_unref(a->page.ret_items[i]);
    free(a->page.ret_items);
    free(a->page.ret_gaps);
    free(a->ids);
    free(a->numbers);
    free(a->lengths);
    free(a->names);
    *a = (struct redis_answer){ 0 };
}

/* ---- the feed ---- */

int redis_reply_push(const struct redisReply *r, struct redis_push *ret)
{
    bool is_pattern = is_array(r, 4);
    struct redis_push push = { 0 };

    if (!is_pattern && !is_array(r, 3))
        return EH_EINVAL;
    if (!str_eq(redis_reply_text(r->element[0]), is_pattern ? STR("pmessage") : STR("message")))
        return EH_EINVAL;
    if (is_pattern)
        push.glob = redis_reply_text(r->element[1]);
    push.channel = redis_reply_text(r->element[r->elements - 2]);
    push.payload = redis_reply_text(r->element[r->elements - 1]);
    if ((is_pattern && !push.glob.p) || !push.channel.p || !push.payload.p)
        return EH_EINVAL;
    *ret = push;
    return EH_OK;
}

int redis_reply_confirmed(const struct redisReply *r, struct redis_confirmed *ret)
{
    static const char *const kinds[] = {
        [CONFIRMED_SUBSCRIBE] = "subscribe",
        [CONFIRMED_PSUBSCRIBE] = "psubscribe",
        [CONFIRMED_UNSUBSCRIBE] = "unsubscribe",
        [CONFIRMED_PUNSUBSCRIBE] = "punsubscribe",
    };
    struct str kind, channel;

    if (!is_array(r, 3) || r->element[2]->type != REDIS_REPLY_INTEGER)
        return EH_EINVAL;
    kind = redis_reply_text(r->element[0]);
    channel = redis_reply_text(r->element[1]);
    if (!kind.p || !channel.p)
        return EH_EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_eq(kind, str_of(kinds[i]))) {
            *ret = (struct redis_confirmed){ (enum redis_confirmation)i, channel };
            return EH_OK;
        }
    }
    return EH_EINVAL;
}
