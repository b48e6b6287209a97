#include "broker/redis/redis_presence.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/headcount.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_presence_text.h"
#include "broker/redis/redis_reply.h"

struct redis_presence {
    struct redis_engine *engine;
    struct redis_queue waiting;
    struct list asked; /* of struct question */
    size_t n_asked;
    size_t n_counted; /* questions that our workers are at */
    uint64_t last_id;
    char node[REDIS_NODE_TEXT + 1];
    struct buf questions; /* channels */
    struct buf answers;
};

/* One of ours, under way. */
struct question {
    struct list link;
    struct redis_presence *presence;
    struct broker_call *call;
    uint64_t id;
    size_t n_nodes; /* that got it; 0: Redis has not said yet */
    size_t n_answers;
    struct timer timer;
};

/* Where the answer to a question goes. */
struct asker {
    uint64_t id;
    char node[REDIS_NODE_TEXT + 1];
};

/* ---- our own questions ---- */

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
    struct broker_presence *result = &q->call->presence;

    result->ret_complete = q->n_nodes && q->n_answers >= q->n_nodes;
    if (status != BROKER_DONE)
        presence_done(&result->ret_presence);
    timer_stop(&q->timer);
    list_remove(&q->link);
    q->presence->n_asked--;
    core_answer(q->presence->engine->core, q->call, status);
    free(q);
}

/* Our own node is among those asked: without any answer, something is wrong with Redis. */
static void on_late(struct timer *t)
{
    struct question *q = container_of(t, struct question, timer);
    struct redis_presence *p = q->presence;

    finish(q, q->n_answers ? BROKER_DONE : BROKER_NOT_DONE);
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

/* Answers may have come before this. */
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
    finish(q, BROKER_NOT_DONE);
    if (fate == REDIS_ANSWERED && redis_reply_is_error(reply))
        redis_engine_on_refusal(p->engine, reply);
}

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

static struct question *question_create(struct redis_presence *p, struct broker_call *call)
{
    struct question *q = mem_zalloc(sizeof(*q));

    q->presence = p;
    q->call = call;
    q->id = ++p->last_id;
    call->presence.ret_presence = (struct presence){ 0 };
    list_push(&p->asked, &q->link);
    p->n_asked++;
    timer_init(&q->timer, on_late);
    loop_timer(core_loop(p->engine->core), &q->timer, REDIS_PRESENCE_WAIT_MS);
    return q;
}

static void ask(struct redis_presence *p, struct broker_call *call, struct redis_link *link)
{
    struct question *q = question_create(p, call);
    struct redis_presence_question text = { .id = q->id, .wants_subs = call->presence.wants_subs };
    struct buf out = { 0 };

    memcpy(text.node, p->node, sizeof(text.node));
    memcpy(text.filter, call->presence.filter.p, call->presence.filter.n);
    redis_presence_add_question(&out, &text);
    publish(link, buf_str(&p->questions), buf_str(&out),
            (struct redis_done){ on_asked, p, (void *)(uintptr_t)q->id, 0 });
    buf_done(&out);
}

void redis_presence_pump(struct redis_presence *p)
{
    struct redis_link *link;
    struct broker_call *call;

    while (redis_feed_is_joined(p->engine->feed) && p->n_asked < REDIS_PRESENCE_ASKED &&
           (link = redis_engine_pick(p->engine)) && (call = redis_queue_pop(&p->waiting)))
        ask(p, call, link);
}

void redis_presence_take(struct redis_presence *p, struct broker_call *call)
{
    if (call->deadline == 0)
        call->deadline = loop_now(core_loop(p->engine->core)) + p->engine->config->timeout_ms;
    redis_queue_push(&p->waiting, call);
    redis_presence_pump(p);
}

/* ---- what others ask ---- */

static void send_answer(struct redis_presence *p, const struct asker *to,
                        const struct redis_presence_answer *answer)
{
    struct redis_link *link = redis_engine_pick(p->engine);
    struct buf text = { 0 }, channel = { 0 };

    if (!link)
        return; /* the asker goes without ours */
    redis_presence_add_answer(&text, answer);
    keys_add(&channel, p->engine->names.prefix, STR("presence:"));
    buf_add_str(&channel, str_of(to->node));
    publish(link, buf_str(&channel), buf_str(&text), (struct redis_done){ 0 });
    buf_done(&channel);
    buf_done(&text);
}

static void on_counted(void *engine, void *arg, struct presence total)
{
    struct redis_engine *e = engine;
    struct asker *to = arg;
    struct redis_presence_answer answer = { .id = to->id, .presence = total };

    if (e) {
        e->presence->n_counted--;
        send_answer(e->presence, to, &answer);
    }
    presence_done(&total);
    free(to);
}

static int on_question(struct redis_presence *p, struct str payload)
{
    struct redis_presence_question q;
    struct asker *to;

    EH_TRY(redis_presence_read_question(payload, &q));
    if (p->n_counted == REDIS_PRESENCE_COUNTED) {
        metrics_inc(core_metrics(p->engine->core), METRIC_PRESENCE_DROPPED);
        return EH_OK;
    }
    to = mem_zalloc(sizeof(*to));
    to->id = q.id;
    memcpy(to->node, q.node, sizeof(to->node));
    p->n_counted++;
    headcount_start(p->engine->core, str_of(q.filter), q.wants_subs, on_counted, to);
    return EH_OK;
}

/* One that comes too late is for nobody. */
static int on_answer(struct redis_presence *p, struct str payload)
{
    struct redis_presence_answer a;
    struct question *q;

    EH_TRY(redis_presence_read_answer(payload, &a));
    q = find(p, a.id);
    if (q) {
        presence_merge(&q->call->presence.ret_presence, &a.presence);
        q->n_answers++;
        finish_if_complete(q);
    }
    presence_done(&a.presence);
    return EH_OK;
}

void redis_presence_on_message(struct redis_presence *p, struct str channel, struct str payload)
{
    int rc =
        str_eq(channel, buf_str(&p->answers)) ? on_answer(p, payload) : on_question(p, payload);

    if (rc < 0)
        metrics_inc(core_metrics(p->engine->core), METRIC_FEED_INVALID);
}

/* ---- life ---- */

struct redis_presence *redis_presence_create(struct redis_engine *e)
{
    struct redis_presence *p = mem_zalloc(sizeof(*p));
    uint64_t node = 0;

    if (getrandom(&node, sizeof(node), 0) < 0)
        node = clock_mono_us();
    (void)snprintf(p->node, sizeof(p->node), "%016" PRIx64, node);
    p->engine = e;
    list_init(&p->asked);
    redis_queue_init(&p->waiting, e->core);
    keys_add(&p->questions, e->names.prefix, STR("presence"));
    keys_add(&p->answers, e->names.prefix, STR("presence:"));
    buf_add_str(&p->answers, str_of(p->node));
    return p;
}

struct str redis_presence_channel(const struct redis_presence *p, bool for_answers)
{
    return buf_str(for_answers ? &p->answers : &p->questions);
}

void redis_presence_close(struct redis_presence *p)
{
    while (!list_empty(&p->asked)) /* finish unlinks it, which clang does not see */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        finish(container_of(p->asked.next, struct question, link), BROKER_NOT_DONE);
    redis_queue_done(&p->waiting);
}

void redis_presence_free(struct redis_presence *p)
{
    buf_done(&p->questions);
    buf_done(&p->answers);
    free(p);
}
