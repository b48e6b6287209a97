#include "broker/redis/redis_presence.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/headcount.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_presence_text.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_reply.h"

/* Calls of one kind. Neither kind waits for the other. */
struct lane {
    struct redis_queue waiting;
    size_t n_asked; /* questions under way */
    size_t max;
};

struct redis_presence {
    struct redis_pool *pool;
    struct lane presence, others;
    struct list asked; /* of struct question */
    size_t n_counted;  /* questions that our workers are answering */
    uint64_t last_id;
    char node[REDIS_NODE_TEXT + 1];
    struct buf questions; /* channels */
    struct buf answers;
};

/* A question of ours under way. */
struct question {
    struct list link;
    struct redis_presence *presence;
    struct broker_call *call;
    uint64_t id;
    size_t n_nodes; /* that received it; 0: Redis has not answered yet */
    size_t n_answers;
    bool is_incomplete; /* a node answered without having done it */
    struct timer timer;
};

/* The sender of a question that our workers are answering. */
struct asker {
    struct redis_presence *presence;
    uint64_t id; /* of its question */
    char node[REDIS_NODE_TEXT + 1];
};

static void publish(struct redis_link *link, struct str channel, struct str text,
                    struct redis_done done)
{
    struct redis_command c;

    redis_command_init(&c);
    redis_command_add(&c, STR("PUBLISH"));
    redis_command_add(&c, channel);
    redis_command_add(&c, text);
    redis_link_send(link, &c, done);
}

/* ---- our own questions ---- */

static struct lane *lane_of(struct redis_presence *p, const struct broker_call *call)
{
    return call->op == BROKER_OP_ASK ? &p->others : &p->presence;
}

static struct question *find(struct redis_presence *p, uint64_t id)
{
    list_for_each(link, &p->asked)
    {
        struct question *q = container_of(link, struct question, link);

        if (q->id == id)
            return q;
    }
    return NULL;
}

static void finish(struct question *q, enum broker_status status)
{
    struct broker_call *call = q->call;
    bool is_complete = q->n_nodes && q->n_answers >= q->n_nodes && !q->is_incomplete;

    if (call->op == BROKER_OP_ASK) {
        call->ask.ret_complete = is_complete;
        if (status != BROKER_DONE) {
            json_decref(call->ask.ret_answers);
            call->ask.ret_answers = NULL;
        }
    } else {
        call->presence.ret_complete = is_complete;
        if (status != BROKER_DONE)
            presence_done(&call->presence.ret_presence);
    }
    timer_stop(&q->timer);
    list_remove(&q->link);
    lane_of(q->presence, call)->n_asked--;
    core_answer(q->presence->pool->core, q->call, status);
    free(q);
}

/* Answers with the sum so far. Our own node is asked, too, so without a single answer something is
 * wrong with Redis. */
static void on_late(struct timer *t)
{
    struct question *q = container_of(t, struct question, timer);
    struct redis_presence *p = q->presence;

    finish(q, q->n_answers ? BROKER_DONE : core_unknown_status(q->call));
    redis_presence_pump(p);
}

static void finish_if_complete(struct question *q)
{
    struct redis_presence *p = q->presence;

    if (q->n_nodes == 0 || q->n_answers < q->n_nodes)
        return;
    finish(q, BROKER_DONE);
    redis_presence_pump(p);
}

/* Redis reports how many nodes received the question. Some may have answered already. */
static void on_asked(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_presence *p = owner;
    struct question *q = find(p, (uintptr_t)arg);

    if (!q)
        return;
    if (fate == REDIS_ANSWERED && reply->type == REDIS_REPLY_INTEGER) {
        q->n_nodes = reply->integer > 0 ? (size_t)reply->integer : 1;
        finish_if_complete(q);
        return;
    }
    finish(q, fate == REDIS_UNKNOWN ? core_unknown_status(q->call) : BROKER_NOT_DONE);
    if (fate == REDIS_ANSWERED && redis_reply_is_error(reply))
        redis_pool_on_refusal(p->pool, reply);
}

static void ask(struct redis_presence *p, struct broker_call *call, struct redis_link *link)
{
    struct question *q = mem_zalloc(sizeof(*q));
    struct redis_presence_question text = { .id = ++p->last_id };
    struct buf out = { 0 };

    q->presence = p;
    q->call = call;
    q->id = text.id;
    list_push(&p->asked, &q->link);
    lane_of(p, call)->n_asked++;
    timer_init(&q->timer, on_late);
    loop_timer(p->pool->core->loop, &q->timer, REDIS_PRESENCE_WAIT_MS);

    memcpy(text.node, p->node, sizeof(text.node));
    if (call->op == BROKER_OP_ASK) {
        call->ask.ret_answers = json_array();
        text.ask = (json_t *)(uintptr_t)call->ask.question; /* only read */
    } else {
        call->presence.ret_presence = (struct presence){ 0 };
        text.wants_subs = call->presence.wants_subs;
        memcpy(text.filter, call->presence.filter.p, call->presence.filter.n);
    }
    redis_presence_add_question(&out, &text);
    publish(link, buf_str(&p->questions), buf_str(&out),
            (struct redis_done){ on_asked, p, (void *)(uintptr_t)q->id, 0 });
    buf_done(&out);
}

static void pump(struct redis_presence *p, struct lane *lane)
{
    struct redis_link *link;
    struct broker_call *call;

    while (redis_feed_is_joined(p->pool->feed) && lane->n_asked < lane->max &&
           (link = redis_pool_pick(p->pool)) && (call = redis_queue_pop(&lane->waiting)))
        ask(p, call, link);
}

void redis_presence_pump(struct redis_presence *p)
{
    pump(p, &p->presence);
    pump(p, &p->others);
}

void redis_presence_take(struct redis_presence *p, struct broker_call *call)
{
    redis_queue_push(&lane_of(p, call)->waiting, call);
    redis_presence_pump(p);
}

/* ---- questions of other nodes, and of our own, which is asked like the others ---- */

static void send_answer(const struct asker *to, const struct redis_presence_answer *answer)
{
    struct redis_pool *pool = to->presence->pool;
    struct redis_link *link = redis_pool_pick(pool);
    struct buf text = { 0 }, channel = { 0 };

    if (!link)
        return; /* the asker's answer is then incomplete */
    redis_presence_add_answer(&text, answer);
    keys_add(&channel, pool->names.prefix, STR("presence:"));
    buf_add_str(&channel, str_of(to->node));
    publish(link, buf_str(&channel), buf_str(&text), (struct redis_done){ 0 });
    buf_done(&channel);
    buf_done(&text);
}

static void on_counted(const void *engine, void *arg, struct presence total)
{
    struct asker *to = arg;

    if (engine) { /* else the engine has closed, and to->presence is gone */
        to->presence->n_counted--;
        send_answer(to, &(struct redis_presence_answer){ .id = to->id, .presence = total });
    }
    presence_done(&total);
    free(to);
}

static void on_workers_asked(const void *engine, void *arg, json_t *answers)
{
    struct asker *to = arg;

    if (engine) {
        to->presence->n_counted--;
        send_answer(to, &(struct redis_presence_answer){ .id = to->id, .answers = answers });
    }
    json_decref(answers);
    free(to);
}

static int on_question(struct redis_presence *p, struct str payload)
{
    struct redis_presence_question q;
    struct asker *to;

    EH_TRY(redis_presence_read_question(payload, &q));
    if (p->n_counted == REDIS_PRESENCE_COUNTED) {
        metrics_inc(p->pool->core->config.metrics, METRIC_PRESENCE_DROPPED);
        json_decref(q.ask);
        return EH_OK;
    }
    to = mem_zalloc(sizeof(*to));
    to->presence = p;
    to->id = q.id;
    memcpy(to->node, q.node, sizeof(to->node));
    p->n_counted++;
    if (q.ask)
        headcount_ask(p->pool->core, q.ask, on_workers_asked, to);
    else
        headcount_start(p->pool->core, str_of(q.filter), q.wants_subs, on_counted, to);
    json_decref(q.ask);
    return EH_OK;
}

/* Adds an answer to those of its question. It is empty if the workers could not do what was asked,
 * or do not know the question, because the node has an older version. Keeps nothing of the answer:
 * once the question is finished, the answers belong to a worker. */
static void add_answer(struct question *q, struct redis_presence_answer *a)
{
    if (a->answers && json_array_size(a->answers) == 0)
        q->is_incomplete = true;
    else if (a->answers)
        (void)json_array_extend(q->call->ask.ret_answers, a->answers);
    else
        presence_merge(&q->call->presence.ret_presence, &a->presence);
    json_decref(a->answers);
    a->answers = NULL;
    q->n_answers++;
}

static int on_answer(struct redis_presence *p, struct str payload)
{
    struct redis_presence_answer a;
    struct question *q;

    EH_TRY(redis_presence_read_answer(payload, &a));
    q = find(p, a.id);
    /* else the answer came too late, or is one to another kind of question */
    if (q && (q->call->op == BROKER_OP_ASK) == (a.answers != NULL)) {
        add_answer(q, &a);
        finish_if_complete(q);
    }
    presence_done(&a.presence);
    json_decref(a.answers);
    return EH_OK;
}

void redis_presence_on_message(struct redis_presence *p, struct str channel, struct str payload)
{
    int rc =
        str_eq(channel, buf_str(&p->answers)) ? on_answer(p, payload) : on_question(p, payload);

    if (rc < 0)
        metrics_inc(p->pool->core->config.metrics, METRIC_FEED_INVALID);
}

/* ---- open and close ---- */

struct redis_presence *redis_presence_create(struct redis_pool *pool)
{
    struct redis_presence *p = mem_zalloc(sizeof(*p));
    uint64_t node = 0;

    if (getrandom(&node, sizeof(node), 0) < 0)
        node = clock_mono_us();
    (void)snprintf(p->node, sizeof(p->node), "%016" PRIx64, node);
    p->pool = pool;
    list_init(&p->asked);
    p->presence.max = REDIS_PRESENCE_ASKED;
    p->others.max = REDIS_OTHERS_ASKED;
    redis_queue_init(&p->presence.waiting, pool->core);
    redis_queue_init(&p->others.waiting, pool->core);
    keys_add(&p->questions, pool->names.prefix, STR("presence"));
    keys_add(&p->answers, pool->names.prefix, STR("presence:"));
    buf_add_str(&p->answers, str_of(p->node));
    return p;
}

struct str redis_presence_channel(const struct redis_presence *p, bool for_answers)
{
    return buf_str(for_answers ? &p->answers : &p->questions);
}

void redis_presence_free(struct redis_presence *p)
{
    while (!list_empty(&p->asked)) { /* finish unlinks it, which clang does not see */
        struct question *q = container_of(p->asked.next, struct question, link);

        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        finish(q, core_unknown_status(q->call));
    }
    redis_queue_done(&p->presence.waiting);
    redis_queue_done(&p->others.waiting);
    buf_done(&p->questions);
    buf_done(&p->answers);
    free(p);
}
