#include "broker/redis/redis_listing.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_walk.h"
#include "broker/topic_page.h"

_Static_assert(BROKER_LIST_TOPICS <= REDIS_TOPICS_MAX, "one command asks for the states of a page");

struct redis_listing {
    struct redis_pool *pool;
    struct redis_queue waiting;
    size_t n_asked; /* pages under way */
};

/* A page under way. Its command is always under way, too. */
struct page {
    struct redis_listing *listing;
    struct broker_call *call;
    struct redis_walk walk;
    size_t n_names;  /* that were looked at */
    size_t n_states; /* topics of the walk whose states are known */
    enum redis_reading_kind step;
    struct topic_page *result;
};

static void finish(struct page *p, enum broker_status status)
{
    struct redis_listing *l = p->listing;

    p->call->list.ret_page = status == BROKER_DONE ? p->result : NULL;
    if (status != BROKER_DONE)
        free(p->result);
    core_answer(l->pool->core, p->call, status);
    redis_walk_done(&p->walk);
    free(p);
    l->n_asked--;
}

/* ---- the end ---- */

/* Says where the next page begins. Returns false if a name in the index is not a topic. */
static bool end_page(struct page *p)
{
    const struct redis_walk *w = &p->walk;
    struct str after =
        w->is_cut ? redis_topic_list_at(&w->topics, w->topics.n - 1) : str_make(w->at, w->at_n);

    if (w->has_ended && !w->is_cut)
        return true;
    if (!topic_is_valid(after))
        return false;
    topic_page_go_on(p->result, after);
    return true;
}

/* ---- answers ---- */

static void take_states(struct page *p, const struct redis_answer *a)
{
    for (size_t i = 0; i < a->n_ids && p->n_states < p->walk.topics.n; i++) {
        struct str name = redis_topic_list_at(&p->walk.topics, p->n_states++);

        if (a->lengths[i] > 0) /* the log of the others has expired */
            topic_page_add(p->result, name, a->lengths[i], a->ids[i]);
    }
}

static int take(struct page *p, const struct redisReply *reply)
{
    const struct redisReply *own = redis_reply_answer(reply, 1, 0);
    struct redis_answer a = { 0 };
    int rc = EH_EINVAL;

    if (own)
        rc = p->step == REDIS_READ_NAMES ? redis_reply_names(own, &a) : redis_reply_states(own, &a);
    if (rc == EH_OK && p->step == REDIS_READ_NAMES) {
        p->n_names += a.n_names;
        redis_walk_take(&p->walk, &a);
    } else if (rc == EH_OK) {
        take_states(p, &a);
    }
    redis_answer_done(&a);
    return rc;
}

static void go_on(struct page *p, struct redis_link *link);

static void on_answer(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_listing *l = owner;
    struct page *p = arg;
    bool is_refused = fate == REDIS_ANSWERED && redis_reply_is_error(reply);
    bool is_answered = fate == REDIS_ANSWERED && !is_refused;
    bool is_taken = is_answered && take(p, reply) == EH_OK;

    if (is_answered && !is_taken &&
        redis_status_is_new_problem(&l->pool->status, "invalid list of topics"))
        log_error("redis_topics_invalid", LOG_END);
    if (is_taken && redis_feed_is_joined(l->pool->feed))
        go_on(p, redis_pool_pick(l->pool));
    else
        finish(p, BROKER_NOT_DONE);
    if (is_answered)
        redis_listing_pump(l);
    if (is_refused)
        redis_pool_on_refusal(l->pool, reply);
}

/* ---- questions ---- */

static void ask(struct page *p, struct redis_link *link, const struct redis_reading *r)
{
    struct redis_pool *pool = p->listing->pool;
    struct redis_command c;

    p->step = r->kind;
    redis_readings_command(&c, &pool->names, pool->config, r, 1);
    redis_link_send(link, &c, (struct redis_done){ on_answer, p->listing, p, p->call->deadline });
}

static void ask_states(struct page *p, struct redis_link *link)
{
    size_t n = p->walk.topics.n - p->n_states;
    struct str topics[REDIS_TOPICS_MAX];

    for (size_t i = 0; i < n; i++)
        topics[i] = redis_topic_list_at(&p->walk.topics, p->n_states + i);
    ask(p, link,
        &(struct redis_reading){
            .kind = REDIS_READ_STATES,
            .topics = topics,
            .n_topics = n,
            .max_bytes = BROKER_PAGE_BYTES,
        });
}

/* Asks the next question, if there is one. link NULL: none can send. */
static void go_on(struct page *p, struct redis_link *link)
{
    struct redis_reading r = { 0 };

    if (!link) {
        finish(p, BROKER_NOT_DONE);
    } else if (!p->walk.has_ended && p->n_names < BROKER_LIST_NAMES) {
        redis_walk_ask(&p->walk, &r);
        ask(p, link, &r);
    } else if (p->n_states < p->walk.topics.n) {
        ask_states(p, link);
    } else {
        finish(p, end_page(p) ? BROKER_DONE : BROKER_NOT_DONE);
    }
}

static void begin(struct redis_listing *l, struct broker_call *call, struct redis_link *link)
{
    const struct broker_list *list = &call->list;
    struct page *p = mem_zalloc(sizeof(*p));

    p->listing = l;
    p->call = call;
    p->result = topic_page_create(list->limit);
    redis_walk_init(&p->walk, list->filter, NULL, SIZE_MAX, list->limit);
    redis_walk_by_name(&p->walk, list->after);
    l->n_asked++;
    go_on(p, link);
}

void redis_listing_pump(struct redis_listing *l)
{
    struct redis_link *link;
    struct broker_call *call;

    while (redis_feed_is_joined(l->pool->feed) && l->n_asked < REDIS_LISTINGS &&
           (link = redis_pool_pick(l->pool)) && (call = redis_queue_pop(&l->waiting)))
        begin(l, call, link);
}

void redis_listing_take(struct redis_listing *l, struct broker_call *call)
{
    redis_queue_push(&l->waiting, call);
    redis_listing_pump(l);
}

/* ---- open and close ---- */

struct redis_listing *redis_listing_create(struct redis_pool *pool)
{
    struct redis_listing *l = mem_zalloc(sizeof(*l));

    l->pool = pool;
    redis_queue_init(&l->waiting, pool->core);
    return l;
}

void redis_listing_free(struct redis_listing *l)
{
    redis_queue_done(&l->waiting);
    free(l);
}
