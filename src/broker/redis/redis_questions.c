#include "broker/redis/redis_questions.h"

#include <assert.h>
#include <inttypes.h>

#include "hub/topic.h"

#define KEYS_MAX 6 /* besides the logs */

#define SHARE_AHEAD 256 /* waiting calls that are compared with the questions */

/* Bytes of the longest question, and of the numbers that concern all questions. */
#define READING_TEXT (3 * MSGID_TEXT + 7 * 21)

/* ---- which calls share a question ---- */

/* A replay does not share with clients: it does not wait until their channels are subscribed. */
static bool is_equal(const struct broker_call *one, const struct broker_call *other)
{
    const struct broker_history *a = &one->history, *b = &other->history;

    return !one->port == !other->port && msgid_cmp(a->after, b->after) == 0 &&
           a->since == b->since && a->newest == b->newest && a->latest == b->latest &&
           a->max_entries == b->max_entries && a->max_bytes == b->max_bytes &&
           msgid_cmp(a->snapshot_end, b->snapshot_end) == 0 && str_eq(a->filter, b->filter);
}

struct redis_question *redis_questions_find(struct redis_questions *qs,
                                            const struct broker_call *call)
{
    for (size_t i = 0; i < qs->n; i++) {
        struct redis_question *q = &qs->questions[i];

        if (q->n_calls < REDIS_QUESTION_CALLS && is_equal(redis_question_call(q), call))
            return q;
    }
    return NULL;
}

void redis_questions_add(struct redis_questions *qs, struct broker_call *call)
{
    struct redis_question *q = &qs->questions[qs->n++];

    assert(qs->n <= REDIS_QUESTIONS_MAX);
    list_init(&q->calls);
    redis_question_join(q, call);
}

void redis_question_join(struct redis_question *q, struct broker_call *call)
{
    list_push(&q->calls, &call->mail.link);
    q->n_calls++;
}

void redis_questions_share(struct redis_questions *qs, struct redis_queue *queue)
{
    size_t n = 0;

    list_for_each_safe(link, &queue->calls)
    {
        struct redis_question *q = redis_questions_find(qs, redis_queue_call(link));

        if (q) {
            list_remove(link);
            redis_question_join(q, redis_queue_call(link));
        }
        if (++n == SHARE_AHEAD)
            return;
    }
}

/* ---- the command ---- */

static void add_log(struct redis_command *c, struct redis_names *names, struct str topic)
{
    size_t from = buf_used(&names->questions);

    buf_add_str(&names->questions, buf_str(&names->logs));
    buf_add_str(&names->questions, topic);
    redis_command_add_text(c, &names->questions, from);
}

static void add_ids(struct redis_command *c, struct buf *text, const struct redis_reading *r)
{
    size_t from = buf_used(text);

    for (size_t i = 0; i < r->n_topics; i++) {
        buf_commit(text, msgid_format(r->ids[i], buf_reserve(text, MSGID_TEXT)));
        buf_add_char(text, ' ');
    }
    redis_command_add_text(c, text, from);
}

static void add_reading(struct redis_command *c, struct buf *text, const struct redis_reading *r)
{
    char point[MSGID_TEXT], first[MSGID_TEXT], end[MSGID_TEXT] = "-";
    size_t from = buf_used(text);

    msgid_format(r->point, point);
    msgid_format(r->from, first);
    if (!msgid_is_zero(r->end))
        msgid_format(r->end, end);
    buf_addf(text, "%c %zu %s %s %s %" PRId64 " %" PRIu32 " %" PRIu32 " %" PRIu32,
             "pinles"[r->kind], r -> n_topics, point, first, end, r -> since, r -> newest,
             r -> max_entries, r -> max_bytes);
    redis_command_add_text(c, text, from);
    if (r->kind == REDIS_READ_EXACT)
        add_ids(c, text, r);
    if (r->kind != REDIS_READ_NAMES)
        return;
    if (r->n_wanted == SIZE_MAX)
        redis_command_add(c, STR(""));
    else
        redis_command_add_number(c, text, r->n_wanted);
    redis_command_add(c, r->filter);
    redis_command_add(c, r->index);
    redis_command_add(c, r->at);
}

void redis_readings_command(struct redis_command *c, struct redis_names *names,
                            const struct broker_config *config,
                            const struct redis_reading *readings, size_t n)
{
    const struct buf *keys[KEYS_MAX] = { &names->id,     &names->log_start, &names->topics,
                                         &names->recent, &names->floors,    &names->ends };
    struct buf *text = &names->questions;
    size_t n_topics = 0;

    assert(n > 0 && n <= REDIS_QUESTIONS_MAX);
    for (size_t i = 0; i < n; i++)
        n_topics += readings[i].n_topics;
    assert(n_topics <= REDIS_TOPICS_MAX);
    /* The arguments point into this block, so it must not move while it is filled. */
    buf_clear(text);
    (void)buf_reserve(text, n_topics * (buf_used(&names->logs) + TOPIC_MAX + MSGID_TEXT + 1) +
                                (n + 1) * READING_TEXT);

    redis_command_init(c);
    c->is_script = true;
    c->script = SCRIPT_HISTORY;
    redis_command_add(c, STR("EVALSHA"));
    redis_command_add(c, STR(""));
    redis_command_add_number(c, text, KEYS_MAX + n_topics);
    for (size_t i = 0; i < KEYS_MAX; i++)
        redis_command_add(c, buf_str(keys[i]));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < readings[i].n_topics; k++)
            add_log(c, names, readings[i].topics[k]);
    }
    redis_command_add(c, buf_str(&names->logs));
    redis_command_add_number(c, text, config->default_ttl_s);
    redis_command_add(c, config->cache ? STR("1") : STR("0"));
    redis_command_add_number(c, text, BROKER_PAGE_ENTRIES);
    redis_command_add_number(c, text, BROKER_PAGE_BYTES);
    for (size_t i = 0; i < n; i++)
        add_reading(c, text, &readings[i]);
}

void redis_questions_command(struct redis_command *c, struct redis_names *names,
                             const struct broker_config *config,
                             const struct broker_history *const *questions, size_t n)
{
    struct redis_reading readings[REDIS_QUESTIONS_MAX];

    assert(n > 0 && n <= REDIS_QUESTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct broker_history *h = questions[i];

        readings[i] = (struct redis_reading){
            .topics = &h->filter,
            .n_topics = 1,
            .point = h->after,
            .from = msgid_next(h->after), /* Redis 5 has no ranges without their start */
            .end = h->snapshot_end,
            .since = h->since,
            .newest = h->newest,
            .max_entries = h->max_entries ? h->max_entries : BROKER_PAGE_ENTRIES,
            .max_bytes = h->max_bytes ? h->max_bytes : BROKER_PAGE_BYTES,
        };
    }
    redis_readings_command(c, names, config, readings, n);
}
