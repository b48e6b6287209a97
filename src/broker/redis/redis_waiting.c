#include "broker/redis/redis_waiting.h"

#include "base/mem.h"
#include "hub/topic.h"

#define SPREAD_MS 50 /* between the deadlines of one command */

static struct redis_queue *queue_of(struct redis_waiting *w, const struct broker_call *call)
{
    return call->deadline == 0 ? &w->patient : &w->urgent;
}

static bool is_pattern(const struct broker_call *call)
{
    return redis_call_needs_plan(call);
}

/* Returns the first call of the queue; NULL: none, or it must wait. */
static struct broker_call *first_of(struct redis_queue *queue, bool takes_patterns)
{
    struct broker_call *call = redis_queue_first(queue);

    return call && is_pattern(call) && !takes_patterns ? NULL : call;
}

/* Returns the queue of the call that has waited longest; NULL: none waits. */
static struct redis_queue *oldest_queue(struct redis_waiting *w, bool only_urgent,
                                        bool takes_patterns)
{
    struct broker_call *a = first_of(&w->urgent, takes_patterns);
    struct broker_call *b = only_urgent ? NULL : first_of(&w->patient, takes_patterns);

    if (a && (!b || a->started_us <= b->started_us))
        return &w->urgent;
    return b ? &w->patient : NULL;
}

struct redis_questions *redis_waiting_collect(struct redis_waiting *w, bool only_urgent,
                                              bool takes_patterns)
{
    struct redis_queue *queue = oldest_queue(w, only_urgent, takes_patterns);
    struct broker_call *call = queue ? redis_queue_first(queue) : NULL;
    struct redis_questions *qs;
    uint64_t latest;
    bool is_alone = false;

    if (!call)
        return NULL;
    qs = mem_zalloc(sizeof(*qs));
    latest = call->deadline + SPREAD_MS;
    while (!is_alone && (call = redis_queue_first(queue)) && call->deadline <= latest) {
        struct redis_question *equal = redis_questions_find(qs, call);

        is_alone = is_pattern(call);
        if (!equal && qs->n > 0 && (is_alone || qs->n == REDIS_QUESTIONS_MAX))
            break;
        (void)redis_queue_pop(queue);
        qs->deadline = call->deadline;
        if (equal)
            redis_question_join(equal, call);
        else
            redis_questions_add(qs, call);
    }
    if (queue == &w->patient)
        redis_questions_share(qs, queue);
    qs->newest = core_newest(w->core);
    list_push(&w->under_way, &qs->link);
    return qs;
}

void redis_waiting_return(struct redis_waiting *w, struct redis_questions *qs)
{
    for (size_t i = qs->n; i-- > 0;) {
        while (!list_empty(&qs->questions[i].calls)) {
            struct broker_call *call = redis_queue_call(qs->questions[i].calls.prev);

            list_remove(&call->mail.link);
            redis_queue_push_front(queue_of(w, call), call);
        }
    }
}

void redis_waiting_outdate(struct redis_waiting *w, struct str topic)
{
    list_for_each(link, &w->under_way)
    {
        struct redis_questions *qs = container_of(link, struct redis_questions, link);

        for (size_t i = 0; i < qs->n && !qs->is_outdated; i++) {
            const struct list *calls = &qs->questions[i].calls;

            qs->is_outdated =
                !list_empty(calls) &&
                filter_matches(redis_question_call(&qs->questions[i])->history.filter, topic);
        }
    }
}

/* Adds the call to a question under way that has the same answer. */
static bool share_under_way(struct redis_waiting *w, struct broker_call *call)
{
    bool has_end = !msgid_is_zero(call->history.snapshot_end);
    struct msgid newest = core_newest(w->core);

    list_for_each(link, &w->under_way)
    {
        struct redis_questions *qs = container_of(link, struct redis_questions, link);
        bool is_patient = call->deadline == 0 && qs->deadline == 0;
        struct redis_question *q =
            is_patient && !qs->is_outdated ? redis_questions_find(qs, call) : NULL;

        if (q && (has_end || msgid_cmp(qs->newest, newest) == 0)) {
            redis_question_join(q, call);
            return true;
        }
    }
    return false;
}

bool redis_waiting_add(struct redis_waiting *w, struct broker_call *call)
{
    if (share_under_way(w, call))
        return false;
    redis_queue_push(queue_of(w, call), call);
    return true;
}

bool redis_waiting_has_urgent(struct redis_waiting *w)
{
    return redis_queue_first(&w->urgent) != NULL;
}

void redis_waiting_init(struct redis_waiting *w, struct core *core)
{
    w->core = core;
    redis_queue_init(&w->urgent, core);
    redis_queue_init(&w->patient, core);
    list_init(&w->under_way);
}

void redis_waiting_done(struct redis_waiting *w)
{
    redis_queue_done(&w->urgent);
    redis_queue_done(&w->patient);
}
