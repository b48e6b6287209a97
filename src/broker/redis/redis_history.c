/* redis_history.c - how calls for pages of the log become commands to Redis.
 *
 * The problem: after an outage thousands of clients ask at once, each for a topic of its own or all
 * for the same one. A script call a client costs Redis more than the reading.
 *
 * The idea: a call for one topic is a *question*. One command asks up to REDIS_QUESTIONS_MAX of
 * them, and equal questions are one. Here the calls wait in the order a b a c, and b is answered
 * "again" because the script had done enough:
 *
 *     waiting a b a c      command [a a] [b] [c]      answers [page] again [page]      waiting b
 *
 * A question may also be shared while its command is under way, if nothing can have been published
 * between the script and the call: no id was learned since the command was sent. Then the snapshot
 * end is not below any live message that passed before the call came. Only joins share like this.
 * An `eventlog` must contain everything that was published before it, also by another node.
 *
 * A call for a pattern reads the logs of many topics, by a plan: one question after the other
 * (redis_plan.c), each in a command of its own. The next one waits for its turn, so that no plan
 * delays other calls for long. If a connection breaks meanwhile, the page is read again.
 */
#include "broker/redis/redis_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_answering.h"
#include "broker/redis/redis_channels.h"
#include "broker/redis/redis_plans.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_waiting.h"
#include "broker/redis/redis_wants.h"
#include "hub/topic.h"

#define PAGES_PER_LINK 2 /* commands under way on one link: Redis runs publishes between two */

#define PLANS_MAX 16 /* pages being read by a plan; the next ones wait */
#define MIB       ((size_t)1024 * 1024)

static const struct redis_plan_limits client_limits = { .names = MIB, .entries = MIB };
static const struct redis_plan_limits replay_limits = { .names = 32 * MIB, .entries = 32 * MIB };

struct redis_history {
    struct redis_pool *pool;
    struct redis_waiting waiting;
    struct list steps;        /* questions under way, with plans whose turn has not come */
    bool is_steps_turn;       /* steps and new questions take turns */
    size_t n_plans;           /* among those under way */
    struct redis_plans plans; /* between two pages */
    struct redis_answering pages;
    bool is_fencing; /* for urgent calls, while the feed is not joined */
};

/* Removes expired topics from the indexes: the given ones, or (n = 0) the next batch of the sweep.
 * Fire and forget: a later call finds what this one misses. */
static void forget_topics(struct redis_history *h, const struct str *topics, size_t n)
{
    struct redis_link *link = h->pool->links[h->pool->n_lanes];
    struct redis_command c;

    if (!redis_feed_is_joined(h->pool->feed) || !redis_link_can_send(link))
        return;
    redis_command_forget(&c, &h->pool->names, h->pool->config, topics, n);
    redis_link_send(link, &c, (struct redis_done){ 0 });
}

/* ---- answers ---- */

/* The questions are no longer under way. */
static void end(struct redis_history *h, struct redis_questions *a)
{
    list_remove(&a->link);
    h->n_plans -= a->plan != NULL;
    redis_plan_free(a->plan);
    free(a);
}

/* Answers the calls of each question that has an answer. The topics whose logs are gone, over all
 * questions, leave the indexes. */
static void take_answers(struct redis_history *h, struct redis_questions *a,
                         const struct redisReply *reply)
{
    struct str gone[REDIS_FORGET_MAX];
    size_t n_gone = 0, more;

    for (size_t i = 0; i < a->n; i++) {
        struct redis_question *q = &a->questions[i];
        const struct redisReply *page = redis_reply_answer(reply, a->n, i);
        struct broker_history *history = &redis_question_call(q)->history, asked = *history;

        if (page && i > 0 && redis_reply_is_again(page)) /* the first one always has an answer */
            continue;
        if (page && redis_reply_history(page, history, gone + n_gone, REDIS_FORGET_MAX - n_gone,
                                        &more) == EH_OK) {
            n_gone += more;
            redis_answering_note(&h->pages, &asked, history, a->n_live);
            redis_answering_give(&h->pages, q, BROKER_DONE);
            continue;
        }
        if (redis_status_is_new_problem(&h->pool->status, "invalid page of history"))
            log_error("redis_history_invalid", LOG_END);
        redis_answering_give(&h->pages, q, BROKER_NOT_DONE);
    }
    if (n_gone)
        forget_topics(h, gone, n_gone);
    redis_waiting_return(&h->waiting, a);
}

static void refuse(struct redis_history *h, struct redis_questions *a)
{
    for (size_t i = 0; i < a->n; i++)
        redis_answering_give(&h->pages, &a->questions[i], BROKER_NOT_DONE);
}

static void on_answers(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_questions *a = arg;
    bool is_refused = fate == REDIS_ANSWERED && redis_reply_is_error(reply);
    bool is_answered = fate == REDIS_ANSWERED && !is_refused;

    if (is_answered && !a->is_outdated)
        take_answers(h, a, reply);
    else if (!is_refused || redis_redirect_passes(reply))
        redis_waiting_return(&h->waiting, a); /* until a link comes up, or for the next tick */
    else
        refuse(h, a);
    end(h, a);
    if (is_answered)
        redis_history_pump(h);
    if (is_refused)
        redis_pool_on_refusal(h->pool, reply);
}

/* ---- plans ---- */

/* Lets the calls wait again. */
static void give_back(struct redis_history *h, struct redis_questions *a)
{
    redis_waiting_return(&h->waiting, a);
    end(h, a);
}

static int read_step(struct redis_history *h, struct redis_questions *a,
                     const struct redisReply *reply, struct redis_answer *ret)
{
    struct str gone[REDIS_FORGET_MAX];
    size_t n_gone = 0;
    int rc;

    ret->page.since = a->since;
    if (!reply)
        return EH_EINVAL;
    if (a->step == REDIS_READ_NAMES)
        rc = redis_reply_names(reply, ret);
    else if (a->step == REDIS_READ_IDS)
        rc = redis_reply_ids(reply, ret, gone, REDIS_FORGET_MAX, &n_gone);
    else if (a->step == REDIS_READ_LATEST)
        rc = redis_reply_latest(reply, ret, gone, REDIS_FORGET_MAX, &n_gone);
    else
        rc = redis_reply_history(reply, &ret->page, gone, REDIS_FORGET_MAX, &n_gone);
    ret->is_held = rc == EH_OK && redis_reply_is_held(reply);
    if (rc == EH_OK && n_gone)
        forget_topics(h, gone, n_gone);
    return rc;
}

static bool take_step(struct redis_history *h, struct redis_questions *a,
                      const struct redisReply *reply)
{
    struct redis_answer answer = { 0 };
    int rc = read_step(h, a, redis_reply_answer(reply, 1, 0), &answer);

    if (rc == EH_OK)
        redis_plan_take(a->plan, &answer);
    else if (redis_status_is_new_problem(&h->pool->status, "invalid page of history"))
        log_error("redis_history_invalid", LOG_END);
    redis_answer_done(&answer);
    return rc == EH_OK;
}

static void send_step(struct redis_history *h, struct redis_link *link, struct redis_questions *a);

/* While the feed is away, the plan of calls with a deadline goes on over the same connection, whose
 * ids were fenced. */
static void continue_plan(struct redis_history *h, struct redis_questions *a)
{
    if (redis_feed_is_joined(h->pool->feed)) {
        list_push(&h->steps, &a->turn);
        redis_history_pump(h);
    } else if (a->deadline != 0 && redis_link_can_send(a->via)) {
        send_step(h, a->via, a);
    } else {
        give_back(h, a);
    }
}

static void on_step(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_questions *a = arg;
    bool is_refused = fate == REDIS_ANSWERED && redis_reply_is_error(reply);
    bool is_answered = fate == REDIS_ANSWERED && !is_refused;

    if (is_answered && !a->is_outdated && take_step(h, a, reply)) {
        continue_plan(h, a);
        return;
    }
    if (fate != REDIS_ANSWERED || a->is_outdated || (is_refused && redis_redirect_passes(reply)))
        redis_waiting_return(&h->waiting, a);
    else
        refuse(h, a);
    end(h, a);
    if (is_answered)
        redis_history_pump(h);
    if (is_refused)
        redis_pool_on_refusal(h->pool, reply);
}

/* The page is ready. */
static void end_page(struct redis_history *h, struct redis_questions *a)
{
    struct broker_history *page = &redis_question_call(&a->questions[0])->history;

    redis_plan_give(a->plan, page);
    if (page->ret_more) {
        redis_plans_keep(&h->plans, a->plan, loop_now(h->pool->core->loop));
        a->plan = NULL;
        h->n_plans--;
    }
    redis_answering_give(&h->pages, &a->questions[0], BROKER_DONE);
    end(h, a);
}

static void send_command(struct redis_history *h, struct redis_link *link,
                         struct redis_questions *a, struct redis_command *c)
{
    metrics_inc(h->pool->core->config.metrics, METRIC_HISTORY_COMMANDS);
    redis_link_send(link, c,
                    (struct redis_done){ a->plan ? on_step : on_answers, h, a, a->deadline });
}

static void send_step(struct redis_history *h, struct redis_link *link, struct redis_questions *a)
{
    struct redis_reading reading;
    struct redis_command c;

    if (a->is_outdated) {
        give_back(h, a);
        return;
    }
    if (!redis_plan_next(a->plan, &reading)) {
        end_page(h, a);
        return;
    }
    a->via = link;
    a->step = reading.kind;
    a->since = reading.since;
    redis_readings_command(&c, &h->pool->names, h->pool->config, &reading, 1);
    send_command(h, link, a, &c);
}

/* Finds the plan for the next page, or makes one. */
static struct redis_plan *begin_plan(struct redis_history *h, const struct broker_call *call)
{
    const struct interest *wanted = call->port ? NULL : redis_feed_wants(h->pool->feed)->interest;
    const struct redis_plan_limits limits = call->port ? client_limits : replay_limits;
    struct redis_plan *plan = redis_plans_take(&h->plans, &call->history, wanted);

    h->n_plans++;
    if (!plan)
        return redis_plan_create(&call->history, wanted, &limits);
    redis_plan_begin(plan, &call->history);
    return plan;
}

/* Lets the calls of plans whose turn has not come wait for the feed or a fence. */
static void recall_steps(struct redis_history *h)
{
    struct list *link;

    while ((link = list_pop(&h->steps)))
        give_back(h, container_of(link, struct redis_questions, turn));
}

/* ---- sending ---- */

/* Returns the link with the fewest pages under way; NULL when every link has its share. */
static struct redis_link *pick_link(const struct redis_pool *pool)
{
    struct redis_link *best = NULL;
    size_t least = PAGES_PER_LINK;

    for (size_t i = pool->n_lanes; i < pool->n_links; i++) {
        struct redis_link *l = pool->links[i];

        if (redis_link_can_send(l) && redis_link_unanswered(l) < least) {
            best = l;
            least = redis_link_unanswered(l);
        }
    }
    return best;
}

static void send(struct redis_history *h, struct redis_link *link, struct redis_questions *a)
{
    const struct broker_history *questions[REDIS_QUESTIONS_MAX];
    struct redis_command c;

    if (a->plan) {
        send_step(h, link, a);
        return;
    }
    for (size_t i = 0; i < a->n; i++)
        questions[i] = &redis_question_call(&a->questions[i])->history;
    redis_questions_command(&c, &h->pool->names, h->pool->config, questions, a->n);
    send_command(h, link, a, &c);
}

/* Returns calls that have waited long, with what is asked for them. */
static struct redis_questions *collect(struct redis_history *h, bool only_urgent)
{
    struct redis_questions *a =
        redis_waiting_collect(&h->waiting, only_urgent, h->n_plans < PLANS_MAX);

    if (!a)
        return NULL;
    metrics_add(h->pool->core->config.metrics, METRIC_HISTORY_QUESTIONS, (int64_t)a->n);
    a->n_live = redis_channels_live(redis_feed_channels(h->pool->feed));
    if (redis_call_needs_plan(redis_question_call(&a->questions[0])))
        a->plan = begin_plan(h, redis_question_call(&a->questions[0]));
    return a;
}

/* The link leads to a Redis whose ids are fenced. Its connection has just brought the answer, so
 * the pages are read there and nowhere else. If the fence failed, the next tick or link repeats
 * it. */
static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_link *link = arg;
    struct redis_questions *a;

    h->is_fencing = false;
    if (fate != REDIS_ANSWERED)
        return;
    if (redis_reply_is_error(reply)) {
        redis_pool_on_refusal(h->pool, reply);
        return;
    }
    if (!redis_feed_take_fence(h->pool->feed, reply))
        return;
    while (redis_link_can_send(link) && redis_link_unanswered(link) < PAGES_PER_LINK &&
           (a = collect(h, true)))
        send(h, link, a);
    redis_history_pump(h);
}

/* Without a joined feed nothing has made sure that Redis still knows the ids that this node knows.
 * So each batch of calls is preceded by a fence of its own. */
static void fence(struct redis_history *h)
{
    struct redis_link *link;

    if (h->is_fencing || !redis_waiting_has_urgent(&h->waiting) ||
        !redis_feed_may_fence(h->pool->feed) || !(link = pick_link(h->pool)))
        return;
    h->is_fencing = true;
    redis_feed_send_fence(h->pool->feed, link, (struct redis_done){ on_fenced, h, link, 0 });
}

/* Returns what is sent next: the next question of a plan or new questions, in turn. */
static struct redis_questions *next_questions(struct redis_history *h)
{
    struct redis_questions *a = NULL;

    h->is_steps_turn = !h->is_steps_turn;
    if (h->is_steps_turn || !(a = collect(h, false))) {
        struct list *link = list_pop(&h->steps);

        if (link)
            return container_of(link, struct redis_questions, turn);
        return a ? a : collect(h, false);
    }
    return a;
}

void redis_history_pump(struct redis_history *h)
{
    struct redis_link *link;
    struct redis_questions *a;

    redis_plans_expire(&h->plans, loop_now(h->pool->core->loop));
    if (!redis_feed_is_joined(h->pool->feed)) {
        recall_steps(h);
        fence(h);
        return;
    }
    redis_answering_release(&h->pages);
    while ((link = pick_link(h->pool)) && (a = next_questions(h)))
        send(h, link, a);
}

void redis_history_take(struct redis_history *h, struct broker_call *call)
{
    if (!redis_answering_from_memory(&h->pages, call) && redis_waiting_add(&h->waiting, call))
        redis_history_pump(h);
}

/* Questions under way are asked again, and plans, which may have read ahead, are made anew. */
void redis_history_on_purged(struct redis_history *h, struct str topic, struct msgid id)
{
    redis_answering_purge(&h->pages, topic, id);
    redis_waiting_outdate(&h->waiting, topic);
    redis_plans_done(&h->plans);
}

void redis_history_sweep(struct redis_history *h)
{
    redis_answering_tick(&h->pages);
    forget_topics(h, NULL, 0);
}

/* ---- open and close ---- */

struct redis_history *redis_history_create(struct redis_pool *pool)
{
    struct redis_history *h = mem_zalloc(sizeof(*h));

    h->pool = pool;
    redis_waiting_init(&h->waiting, pool->core);
    list_init(&h->steps);
    redis_plans_init(&h->plans);
    redis_answering_init(&h->pages, pool);
    return h;
}

void redis_history_free(struct redis_history *h)
{
    redis_answering_done(&h->pages);
    recall_steps(h);
    redis_waiting_done(&h->waiting);
    redis_plans_done(&h->plans);
    free(h);
}
