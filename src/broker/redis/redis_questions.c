#include "broker/redis/redis_questions.h"

#include <assert.h>
#include <inttypes.h>

#include "hub/topic.h"

#define KEYS_MAX 6 /* besides the logs */

#define SHARE_AHEAD 256 /* waiting calls that are compared with the questions */

/* Bytes of the longest question, and of the numbers that concern all questions. */
#define QUESTION_TEXT (3 * MSGID_TEXT + 5 * 21)

/* ---- which calls share a question ---- */

/* A replay does not share with clients: it does not wait until their channels are subscribed. */
static bool is_equal(const struct broker_call *one, const struct broker_call *other)
{
    const struct broker_history *a = &one->history, *b = &other->history;

    return !one->port == !other->port && msgid_cmp(a->after, b->after) == 0 &&
           a->since == b->since && a->newest == b->newest && a->max_entries == b->max_entries &&
           a->max_bytes == b->max_bytes && msgid_is_zero(a->snapshot_end) &&
           msgid_is_zero(b->snapshot_end) && str_eq(a->filter, b->filter);
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

static void add_question(struct redis_command *c, struct buf *text, const struct broker_history *h)
{
    char after[MSGID_TEXT], next[MSGID_TEXT], end[MSGID_TEXT] = "-";
    bool is_pattern = filter_is_pattern(h->filter);
    size_t from = buf_used(text);

    msgid_format(h->after, after);
    msgid_format(msgid_next(h->after), next); /* Redis 5 has no ranges without their start */
    if (!msgid_is_zero(h->snapshot_end))
        msgid_format(h->snapshot_end, end);
    buf_addf(text, "%s %s %s %" PRId64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %d", after, next, end,
             h->since, h->newest, h->max_entries ? h->max_entries : BROKER_PAGE_ENTRIES,
             h->max_bytes ? h->max_bytes : BROKER_PAGE_BYTES, is_pattern);
    redis_command_add_text(c, text, from);
    if (is_pattern) {
        redis_command_add(c, h->filter);
        redis_command_add(c, filter_fixed_prefix(h->filter));
    }
}

void redis_questions_command(struct redis_command *c, struct redis_names *names,
                             const struct broker_config *config,
                             const struct broker_history *const *questions, size_t n)
{
    const struct buf *keys[KEYS_MAX] = { &names->id,     &names->log_start, &names->topics,
                                         &names->recent, &names->floors,    &names->ends };
    struct buf *text = &names->questions;
    size_t n_keys = KEYS_MAX;

    assert(n > 0 && n <= REDIS_QUESTIONS_MAX);
    for (size_t i = 0; i < n; i++)
        n_keys += !filter_is_pattern(questions[i]->filter);
    /* The arguments point into this block, so it must not move while it is filled. */
    buf_clear(text);
    (void)buf_reserve(text, n * (buf_used(&names->logs) + TOPIC_MAX) + (n + 1) * QUESTION_TEXT);

    redis_command_init(c);
    c->is_script = true;
    c->script = SCRIPT_HISTORY;
    redis_command_add(c, STR("EVALSHA"));
    redis_command_add(c, STR(""));
    redis_command_add_number(c, text, n_keys);
    for (size_t i = 0; i < KEYS_MAX; i++)
        redis_command_add(c, buf_str(keys[i]));
    for (size_t i = 0; i < n; i++) {
        if (!filter_is_pattern(questions[i]->filter))
            add_log(c, names, questions[i]->filter);
    }
    redis_command_add(c, buf_str(&names->logs));
    redis_command_add_number(c, text, config->default_ttl_s);
    redis_command_add_number(c, text, BROKER_MAX_TOPICS);
    redis_command_add(c, config->cache ? STR("1") : STR("0"));
    redis_command_add_number(c, text, BROKER_PAGE_ENTRIES);
    redis_command_add_number(c, text, BROKER_PAGE_BYTES);
    for (size_t i = 0; i < n; i++)
        add_question(c, text, questions[i]);
}
