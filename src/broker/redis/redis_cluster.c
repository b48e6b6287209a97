/* redis_cluster.c - asks a node of a Redis Cluster who owns our slot.
 *
 * Every node knows the owner of every slot, so any node may be asked: the replicas of the owner,
 * the other nodes of the last answer, the hosts of REDIS_HOST, and the owner. One connection is
 * kept to the node that answered last. When it fails, or when its answer is doubted because the
 * owner that it names does not work, the next node is asked:
 *
 *     ask    node A (killed)   refused
 *            node B            CLUSTER SLOTS: the owner is ...     kept for the next round
 *
 * A node that is cut off from the others can be wrong for as long as it is cut off, so no node is
 * asked twice in a row when its answer was doubted, unless there is only one.
 */
#include "broker/redis/redis_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_slots.h"

#define ATTEMPT_MS   1000 /* for one node; at most BROKER_TIMEOUT */
#define ROUND_MS     3000 /* no other node is tried after that */
#define ATTEMPTS_MAX 8    /* nodes of one round; the next round continues with the next node */
#define WHY_MAX      160

struct finder {
    struct redis_finder_config config;
    unsigned slot;
    struct redis_link *link; /* to `at`; NULL: none */
    struct redis_endpoint at;
    bool is_asking;
    bool is_sent;             /* the question of this attempt */
    bool is_broken;           /* the link is to be replaced; not inside its own events */
    bool is_refused;          /* the last attempt failed with an answer */
    uint64_t began_ms;        /* of the round */
    size_t n_attempts;        /* of the round */
    uintptr_t attempt;        /* numbers them all, so that a late answer is ignored */
    size_t next;              /* the candidate to try next */
    struct timer timer;       /* ends an attempt, or begins the next one */
    char why[WHY_MAX];        /* why the last attempt failed */
    struct redis_slots slots; /* the last answer */
};

/* ---- the nodes to ask ---- */

static const struct redis_endpoint *candidate(const struct finder *f, size_t i)
{
    size_t n = f->slots.n_nodes + f->config.broker->n_redis_hosts;

    i %= n;
    return i < f->slots.n_nodes ? &f->slots.nodes[i]
                                : &f->config.broker->redis_hosts[i - f->slots.n_nodes];
}

/* The owner may be there twice, among the nodes and the hosts, but not three times in a row. */
static const struct redis_endpoint *next_candidate(struct finder *f)
{
    for (int i = 0; i < 2 && redis_endpoint_equal(candidate(f, f->next), &f->at); i++)
        f->next++;
    return candidate(f, f->next++);
}

static uint64_t attempt_ms(const struct finder *f)
{
    uint64_t timeout_ms = f->config.broker->timeout_ms;

    return timeout_ms < ATTEMPT_MS ? timeout_ms : ATTEMPT_MS;
}

static void drop_link(struct finder *f)
{
    f->attempt++; /* the question that is given back is ignored */
    redis_link_free(f->link);
    f->link = NULL;
    f->is_broken = false;
}

static void question(struct finder *f);

static void on_up(struct redis_link *l, void *owner)
{
    (void)l;
    question(owner);
}

/* The attempt ends in the next turn: the link must not be freed in its own event. */
static void give_up(struct finder *f, const char *why, bool is_refused)
{
    (void)snprintf(f->why, sizeof(f->why), "%s", why);
    f->is_broken = true;
    f->is_refused = is_refused;
    loop_timer(f->config.loop, &f->timer, 0);
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    (void)l;
    give_up(owner, why, false);
}

static const struct redis_link_events link_events = { .on_up = on_up, .on_down = on_down };

static void connect_to(struct finder *f, const struct redis_endpoint *node)
{
    const struct broker_config *broker = f->config.broker;
    const struct redis_link_config link = {
        .loop = f->config.loop,
        .inbox = f->config.inbox,
        .metrics = broker->metrics,
        .name = "eventhub:slots",
        .takes_replicas = true,
        .reply_max = REDIS_FINDER_REPLY_MAX,
        .endpoint = *node,
        .login = broker->redis_login,
        .tls = broker->redis_tls,
        .tls_name = broker->redis_tls_name,
        .timeout_ms = attempt_ms(f),
        .events = &link_events,
        .owner = f,
    };

    drop_link(f);
    f->at = *node;
    f->link = redis_link_create(&link);
}

/* ---- a round ---- */

static void fail(struct finder *f, const char *why)
{
    f->is_asking = false;
    timer_stop(&f->timer);
    f->config.events->on_failure(f->config.owner, why);
}

static void on_slots(struct finder *f, const struct redis_slots *slots)
{
    char why[WHY_MAX];

    f->slots = *slots;
    f->next = 1; /* the first one is the owner */
    if (f->config.broker->redis_db) {
        fail(f, "REDIS_DB must be 0: Redis is a cluster");
    } else if (f->config.broker->redis_prefix[0] == '}') {
        /* the braces of its keys enclose nothing, so each key has a slot of its own */
        fail(f, "REDIS_PREFIX must not begin with }: Redis is a cluster");
    } else if (slots->is_named) {
        f->is_asking = false;
        timer_stop(&f->timer);
        f->config.events->on_found(f->config.owner, &slots->owner);
    } else {
        (void)snprintf(why, sizeof(why),
                       slots->has_owner ? "the cluster does not tell who owns slot %u"
                                        : "no node of the cluster owns slot %u",
                       f->slot);
        fail(f, why);
    }
}

static void explain(const struct redisReply *error, char why[WHY_MAX])
{
    struct str text = redis_reply_text(error);
    const char *what = "CLUSTER SLOTS failed";

    if (redis_reply_has_code(error, "NOPERM"))
        what = "the user lacks the right +cluster|slots";
    else if (memmem(text.p, text.n, "cluster support disabled", 24) ||
             memmem(text.p, text.n, "unknown command", 15))
        what = "Redis is not a cluster";
    (void)snprintf(why, WHY_MAX, "%s: %.100s", what, text.p);
}

static void on_answer(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct finder *f = owner;
    struct redis_slots slots;
    char why[WHY_MAX];

    if (!f->is_asking || (uintptr_t)arg != f->attempt || fate != REDIS_ANSWERED)
        return; /* if the connection is lost, on_down follows */
    if (redis_reply_is_error(reply)) {
        explain(reply, why);
        give_up(f, why, true);
    } else if (redis_slots_read(reply, f->slot, &f->at, &slots) < 0) {
        give_up(f, "CLUSTER SLOTS: an unexpected answer", true);
    } else {
        on_slots(f, &slots);
    }
}

static void question(struct finder *f)
{
    struct redis_command c;

    if (!f->is_asking || f->is_sent || !redis_link_can_send(f->link))
        return;
    f->is_sent = true;
    redis_command_init(&c);
    redis_command_add(&c, STR("CLUSTER"));
    redis_command_add(&c, STR("SLOTS"));
    redis_link_send(f->link, &c, (struct redis_done){ on_answer, f, (void *)f->attempt, 0 });
}

static void fail_all(struct finder *f)
{
    char why[WHY_MAX];

    if (f->is_refused)
        (void)snprintf(why, sizeof(why), "%s", f->why);
    else
        (void)snprintf(why, sizeof(why), "no node of the cluster answers: %.100s", f->why);
    fail(f, why);
}

static void try_next(struct finder *f)
{
    if (f->n_attempts == ATTEMPTS_MAX || loop_now(f->config.loop) - f->began_ms >= ROUND_MS) {
        fail_all(f);
        return;
    }
    f->n_attempts++;
    f->is_sent = false;
    connect_to(f, next_candidate(f));
    loop_timer(f->config.loop, &f->timer, attempt_ms(f));
}

static void on_timer(struct timer *t)
{
    struct finder *f = container_of(t, struct finder, timer);

    if (!f->is_broken)
        give_up(f, "no answer in time", false);
    timer_stop(&f->timer);
    drop_link(f);
    if (f->is_asking)
        try_next(f);
}

/* ---- what the source calls ---- */

static void ask(void *finder, bool is_doubted)
{
    struct finder *f = finder;

    f->is_asking = true;
    f->began_ms = loop_now(f->config.loop);
    f->n_attempts = 0;
    f->is_sent = false;
    if (is_doubted || !f->link || f->is_broken || !redis_link_can_send(f->link)) {
        try_next(f);
        return;
    }
    f->attempt++;
    loop_timer(f->config.loop, &f->timer, attempt_ms(f));
    question(f);
}

static void *create(const struct redis_finder_config *config)
{
    struct finder *f = mem_zalloc(sizeof(*f));
    struct buf key = { 0 };

    f->config = *config;
    keys_add(&key, str_of(config->broker->redis_prefix), STR("id"));
    f->slot = redis_slot_of(buf_str(&key));
    buf_done(&key);
    timer_init(&f->timer, on_timer);
    return f;
}

static void free_finder(void *finder)
{
    struct finder *f = finder;

    f->is_asking = false;
    timer_stop(&f->timer);
    redis_link_free(f->link);
    free(f);
}

const struct redis_finder_ops redis_cluster_finder = {
    .create = create,
    .ask = ask,
    .free = free_finder,
};
