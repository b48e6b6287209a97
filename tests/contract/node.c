#include "contract/node.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "net/loop.h"

struct worker {
    struct node *node;
    pthread_t thread;
    struct loop *loop;
    struct mailbox *inbox;
    struct broker_port *port;
    bool held;
    struct mail hold;
    struct mail quiet;
    struct mail stop;
    size_t n_quiet;             /* how often `quiet` arrived */
    atomic_bool has_wrong_mark; /* a batch had a high-water mark below its last id */
    struct message **live;
    size_t n_live;
    size_t cap_live;
    size_t n_gaps;  /* batches that started with a gap */
    size_t gap_at;  /* messages before the last gap */
    char gaps[128]; /* its topics, a space after each; empty: all */
};

struct node {
    struct broker *broker;
    bool stopped;
    atomic_bool is_mute;
    uint64_t timeout_ms;
    struct metrics_cell metrics;
    struct revoked *revoked;
    struct list asked;
    struct list wanted;
    struct worker workers[NODE_WORKERS];
    pthread_mutex_t lock; /* guards what the workers' threads report to the test */
    pthread_cond_t changed;
};

/* ---- on a worker's thread ---- */

static void on_answer(struct mail *m, void *owner)
{
    struct asked *a = container_of(m, struct asked, call.mail);
    struct worker *w = owner;

    pthread_mutex_lock(&w->node->lock);
    a->answers++;
    pthread_cond_broadcast(&w->node->changed);
    pthread_mutex_unlock(&w->node->lock);
}

static void on_post(struct mail *m, void *owner)
{
    struct asked *a = container_of(m, struct asked, post);
    struct worker *w = owner;

    a->call.port = w->port;
    a->call.answer = on_answer;
    broker_call(w->node->broker, &a->call);
}

static void on_wanted(struct mail *m, void *owner)
{
    struct wanted *wanted = container_of(m, struct wanted, want.mail);
    struct worker *w = owner;

    pthread_mutex_lock(&w->node->lock);
    wanted->answers++;
    if (w->n_live)
        wanted->last_live = w->live[w->n_live - 1]->id;
    pthread_cond_broadcast(&w->node->changed);
    pthread_mutex_unlock(&w->node->lock);
}

static void on_post_want(struct mail *m, void *owner)
{
    struct wanted *wanted = container_of(m, struct wanted, post);
    struct worker *w = owner;

    wanted->want.port = w->port;
    wanted->want.answer = on_wanted;
    broker_want(w->node->broker, &wanted->want);
}

static void on_post_unwant(struct mail *m, void *owner)
{
    struct wanted *wanted = container_of(m, struct wanted, post_unwant);
    struct worker *w = owner;

    broker_unwant(w->node->broker, w->port, wanted->want.filter);
}

static void keep_live(struct worker *w, struct message *m)
{
    if (w->n_live == w->cap_live) {
        w->cap_live = w->cap_live ? 2 * w->cap_live : 64;
        w->live = mem_array(w->live, w->cap_live, sizeof(w->live[0]));
    }
    w->live[w->n_live++] = message_ref(m);
}

static void keep_gap(struct worker *w, const struct gaps *gaps)
{
    w->n_gaps++;
    w->gap_at = w->n_live;
    w->gaps[0] = '\0';
    for (size_t i = 0; gaps && i < gaps->n; i++) {
        size_t used = strlen(w->gaps);

        (void)snprintf(w->gaps + used, sizeof(w->gaps) - used, "%.*s ", STR_ARG(gaps->topics[i]));
    }
}

static void on_live(struct mail *m, void *owner)
{
    struct live_batch *batch = container_of(m, struct live_batch, mail);
    struct worker *w = owner;

    pthread_mutex_lock(&w->node->lock);
    if (batch->has_gap)
        keep_gap(w, batch->gaps);
    for (size_t i = 0; i < batch->n; i++)
        keep_live(w, batch->items[i]);
    if (batch->n && msgid_cmp(batch->high_water, batch->items[batch->n - 1]->id) < 0)
        atomic_store(&w->has_wrong_mark, true);
    pthread_cond_broadcast(&w->node->changed);
    pthread_mutex_unlock(&w->node->lock);
    live_batch_free(batch);
}

static void on_count(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);
    const struct worker *w = owner;

    if (part->question && !atomic_load(&w->node->is_mute)) { /* answers with a copy of it */
        part->answer = json_deep_copy(part->question);
        (void)json_object_set_new(part->answer, "worker", json_integer(w - w->node->workers));
        broker_counted(part);
        return;
    }
    part->presence.count = 3;
    if (part->wants_subs) {
        presence_add_sub(&part->presence, STR("both"));
        presence_add_sub(&part->presence,
                         w == w->node->workers ? STR("worker 0") : STR("worker 1"));
    }
    broker_counted(part);
}

static void on_hold(struct mail *m, void *owner)
{
    struct worker *w = owner;

    (void)m;
    pthread_mutex_lock(&w->node->lock);
    while (w->held)
        pthread_cond_wait(&w->node->changed, &w->node->lock);
    pthread_mutex_unlock(&w->node->lock);
}

/* Runs when everything that the test posted before was handed to the broker. */
static void on_quiet(struct mail *m, void *owner)
{
    struct worker *w = owner;

    (void)m;
    pthread_mutex_lock(&w->node->lock);
    w->n_quiet++;
    pthread_cond_broadcast(&w->node->changed);
    pthread_mutex_unlock(&w->node->lock);
}

static void on_stop(struct mail *m, void *owner)
{
    struct worker *w = owner;

    (void)m;
    loop_stop(w->loop);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    loop_run(w->loop);
    return NULL;
}

/* ---- on the test's thread ---- */

static void worker_start(struct node *n, struct worker *w)
{
    w->node = n;
    w->hold.fn = on_hold;
    w->quiet.fn = on_quiet;
    w->stop.fn = on_stop;
    assert_int_equal(loop_create(&w->loop), EH_OK);
    assert_int_equal(mailbox_create(w->loop, w, &w->inbox), EH_OK);
    w->port = broker_port_open(n->broker, w->inbox, on_live, on_count);
    assert_int_equal(pthread_create(&w->thread, NULL, worker_main, w), 0);
}

static void worker_end(struct worker *w)
{
    mailbox_post(w->inbox, &w->stop);
    pthread_join(w->thread, NULL);
    mailbox_drain(w->inbox);
    mailbox_free(w->inbox);
    loop_free(w->loop);
    for (size_t i = 0; i < w->n_live; i++)
        message_unref(w->live[i]);
    free(w->live);
}

struct node *node_start_idle(const struct broker_config *config)
{
    struct node *n = mem_zalloc(sizeof(*n));
    struct broker_config own = *config;
    pthread_condattr_t attr;

    own.metrics = &n->metrics;
    own.revoked = n->revoked = revoked_create(REVOKED_MAX);
    n->timeout_ms = config->timeout_ms;
    list_init(&n->asked);
    list_init(&n->wanted);
    pthread_mutex_init(&n->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&n->changed, &attr);
    pthread_condattr_destroy(&attr);
    assert_int_equal(broker_create(&own, &n->broker), EH_OK);
    for (unsigned i = 0; i < NODE_WORKERS; i++)
        worker_start(n, &n->workers[i]);
    assert_int_equal(broker_start(n->broker), EH_OK);
    return n;
}

static struct timespec in_ms(uint64_t ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += (time_t)(ms / 1000);
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Waits until *count, which changes under the lock, is at least `least`. */
static bool await_count(struct node *n, const size_t *count, size_t least)
{
    struct timespec deadline = in_ms(NODE_PATIENCE_MS);
    bool is_there;
    int rc = 0;

    pthread_mutex_lock(&n->lock);
    while (!(is_there = *count >= least) && rc == 0)
        rc = pthread_cond_timedwait(&n->changed, &n->lock, &deadline);
    pthread_mutex_unlock(&n->lock);
    return is_there;
}

void node_stop(struct node *n)
{
    if (n->stopped)
        return;
    for (unsigned i = 0; i < NODE_WORKERS; i++) {
        struct worker *w = &n->workers[i];

        if (w->held)
            continue;
        mailbox_post(w->inbox, &w->quiet);
        (void)await_count(n, &w->n_quiet, 1); /* a teardown must not fail the test */
    }
    broker_stop(n->broker);
    n->stopped = true;
}

/* True if the call was not answered exactly once for each time it was posted. */
static bool asked_free(struct asked *a)
{
    bool is_wrong = a->answers != a->posts;

    if (a->call.op == BROKER_OP_HISTORY) {
        for (size_t i = 0; i < a->call.history.ret_n; i++)
            message_unref(a->call.history.ret_items[i]);
        free(a->call.history.ret_items);
        free(a->call.history.ret_gaps);
    }
    if (a->call.op == BROKER_OP_GET && a->call.kv.ret_value)
        shared_unref(&a->call.kv.ret_value->shared);
    if (a->call.op == BROKER_OP_PRESENCE)
        presence_done(&a->call.presence.ret_presence);
    if (a->call.op == BROKER_OP_ASK) {
        json_decref(a->call.ask.ret_answers);
        json_decref((json_t *)(uintptr_t)a->call.ask.question);
    }
    if (a->call.op == BROKER_OP_LIST)
        free(a->call.list.ret_page);
    free((char *)a->text.p);
    free(a);
    return is_wrong;
}

void node_free(struct node *n)
{
    struct list *link;
    size_t wrong = 0;

    if (!n)
        return;
    for (unsigned i = 0; i < NODE_WORKERS; i++)
        node_release(n, i);
    node_stop(n);
    for (unsigned i = 0; i < NODE_WORKERS; i++)
        worker_end(&n->workers[i]);
    broker_free(n->broker);
    revoked_free(n->revoked);
    while ((link = list_pop(&n->asked)))
        wrong += asked_free(container_of(link, struct asked, link));
    while ((link = list_pop(&n->wanted))) {
        struct wanted *wanted = container_of(link, struct wanted, link);

        wrong += wanted->answers != 1;
        free(wanted);
    }
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    free(n);
    assert_int_equal(wrong, 0);
}

void node_await_ready(struct node *n, bool ready)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (broker_is_ready(n->broker) != ready) {
        if (clock_mono_ms() > deadline)
            fail_msg("the broker is still %sready", ready ? "not " : "");
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static struct asked *asked_create(struct node *n, enum broker_op op)
{
    struct asked *a = mem_zalloc(sizeof(*a));

    a->call.op = op;
    a->post.fn = on_post;
    list_push(&n->asked, &a->link);
    return a;
}

/* Creates a call with a topic or key, a text, and a timeout. */
static struct asked *asked_about(struct node *n, enum broker_op op, const char *name,
                                 struct str text)
{
    struct asked *a = asked_create(n, op);
    size_t length = strlen(name);

    assert_true(length < sizeof(a->topic));
    memcpy(a->topic, name, length);
    a->text = str_make(mem_dup(text.p, text.n), text.n);
    a->call.timeout_ms = n->timeout_ms;
    return a;
}

struct asked *node_publish_call(struct node *n, const char *topic, struct str json)
{
    struct asked *a = asked_about(n, BROKER_OP_PUBLISH, topic, json);

    a->call.publish.topic = str_of(a->topic);
    a->call.publish.message_json = a->text;
    return a;
}

struct asked *node_kv_call(struct node *n, enum broker_op op, const char *key, struct str value)
{
    struct asked *a = asked_about(n, op, key, value);

    a->call.kv.key = str_of(a->topic);
    a->call.kv.value = a->text;
    return a;
}

struct asked *node_revoke_call(struct node *n, const struct revocation *entry)
{
    struct asked *a = asked_create(n, BROKER_OP_REVOKE);

    assert_true(entry->name.n <= sizeof(a->topic));
    memcpy(a->topic, entry->name.p, entry->name.n);
    a->call.revoke.entry = *entry;
    a->call.revoke.entry.name = str_make(a->topic, entry->name.n);
    return a;
}

struct revoked *node_revoked(struct node *n)
{
    return n->revoked;
}

struct asked *node_purge_call(struct node *n, const char *topic)
{
    struct asked *a = asked_about(n, BROKER_OP_PURGE, topic, STR(""));

    a->call.purge.topic = str_of(a->topic);
    return a;
}

struct asked *node_history_call(struct node *n, const struct broker_history *question)
{
    struct asked *a = asked_create(n, BROKER_OP_HISTORY);

    a->call.history = *question;
    return a;
}

struct asked *node_presence_call(struct node *n, const char *topic, bool wants_subs)
{
    struct asked *a = asked_create(n, BROKER_OP_PRESENCE);
    size_t length = strlen(topic);

    assert_true(length < sizeof(a->topic));
    memcpy(a->topic, topic, length);
    a->call.timeout_ms = n->timeout_ms;
    a->call.presence.filter = str_make(a->topic, length);
    a->call.presence.wants_subs = wants_subs;
    return a;
}

struct asked *node_ask_call(struct node *n, struct json_t *question)
{
    struct asked *a = asked_create(n, BROKER_OP_ASK);

    a->call.timeout_ms = n->timeout_ms;
    a->call.ask.question = question;
    return a;
}

struct asked *node_list_call(struct node *n, const struct broker_list *list)
{
    struct asked *a = asked_create(n, BROKER_OP_LIST);

    a->call.timeout_ms = n->timeout_ms;
    a->call.list = *list;
    return a;
}

void node_post(struct node *n, unsigned worker, struct asked *a)
{
    a->posts++;
    mailbox_post(n->workers[worker].inbox, &a->post);
}

void node_await(struct node *n, struct asked *a)
{
    if (!await_count(n, &a->answers, a->posts))
        fail_msg("no answer");
}

bool node_is_answered(struct node *n, const struct asked *a)
{
    bool is_answered;

    pthread_mutex_lock(&n->lock);
    is_answered = a->answers == a->posts;
    pthread_mutex_unlock(&n->lock);
    return is_answered;
}

void node_ask(struct node *n, struct asked *a)
{
    node_post(n, 0, a);
    node_await(n, a);
}

struct msgid node_publish(struct node *n, const char *topic, const char *json)
{
    struct asked *a = node_publish_call(n, topic, str_of(json));

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish.ret_id;
}

void node_history(struct node *n, struct asked *a)
{
    struct broker_history *h = &a->call.history;

    for (size_t i = 0; i < h->ret_n; i++)
        message_unref(h->ret_items[i]); /* of the previous page */
    free(h->ret_items);
    free(h->ret_gaps);
    h->ret_items = NULL;
    h->ret_gaps = NULL;
    h->ret_n = 0;
    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
}

struct wanted *node_want(struct node *n, unsigned worker, const char *filter, bool reads_history)
{
    struct wanted *wanted = mem_zalloc(sizeof(*wanted));
    size_t length = strlen(filter);

    assert_true(length < sizeof(wanted->filter));
    memcpy(wanted->filter, filter, length);
    wanted->want.filter = str_make(wanted->filter, length);
    wanted->want.reads_history = reads_history;
    wanted->post.fn = on_post_want;
    wanted->post_unwant.fn = on_post_unwant;
    list_push(&n->wanted, &wanted->link);
    mailbox_post(n->workers[worker].inbox, &wanted->post);
    return wanted;
}

void node_await_want(struct node *n, struct wanted *wanted)
{
    if (!await_count(n, &wanted->answers, 1))
        fail_msg("no answer to the want");
}

struct node *node_start(const struct broker_config *config)
{
    struct node *n = node_start_idle(config);

    for (unsigned i = 0; i < NODE_WORKERS; i++)
        node_await_want(n, node_want(n, i, "#", true));
    return n;
}

void node_unwant(struct node *n, unsigned worker, struct wanted *wanted)
{
    mailbox_post(n->workers[worker].inbox, &wanted->post_unwant);
}

size_t node_live_count(struct node *n, unsigned worker)
{
    size_t count;

    pthread_mutex_lock(&n->lock);
    count = n->workers[worker].n_live;
    pthread_mutex_unlock(&n->lock);
    return count;
}

void node_await_live(struct node *n, unsigned worker, size_t count)
{
    const struct worker *w = &n->workers[worker];

    if (!await_count(n, &w->n_live, count))
        fail_msg("worker %u has %zu live messages, not %zu", worker, node_live_count(n, worker),
                 count);
    assert_false(atomic_load(&w->has_wrong_mark));
}

const struct message *node_live(struct node *n, unsigned worker, size_t i)
{
    const struct message *m = NULL;

    pthread_mutex_lock(&n->lock);
    if (i < n->workers[worker].n_live)
        m = n->workers[worker].live[i];
    pthread_mutex_unlock(&n->lock);
    assert_non_null(m);
    return m;
}

struct node_gap node_await_gap(struct node *n, unsigned worker, size_t count)
{
    const struct worker *w = &n->workers[worker];
    struct node_gap gap;

    if (!await_count(n, &w->n_gaps, count))
        fail_msg("worker %u was told of %zu gaps, not %zu", worker, w->n_gaps, count);
    pthread_mutex_lock(&n->lock);
    gap = (struct node_gap){ .count = w->n_gaps, .at = w->gap_at };
    memcpy(gap.gaps, w->gaps, sizeof(gap.gaps));
    pthread_mutex_unlock(&n->lock);
    return gap;
}

uint64_t node_metric(const struct node *n, enum metric metric)
{
    return metrics_get(&n->metrics, metric);
}

void node_mute(struct node *n)
{
    atomic_store(&n->is_mute, true);
}

void node_hold(struct node *n, unsigned worker)
{
    struct worker *w = &n->workers[worker];

    pthread_mutex_lock(&n->lock);
    w->held = true;
    pthread_mutex_unlock(&n->lock);
    mailbox_post(w->inbox, &w->hold);
}

void node_release(struct node *n, unsigned worker)
{
    pthread_mutex_lock(&n->lock);
    n->workers[worker].held = false;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}
