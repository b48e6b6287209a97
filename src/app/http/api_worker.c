#include "app/http/api_worker.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/conn/authorize.h"
#include "app/conn/conn.h"
#include "app/conn/conn_output.h"
#include "app/sub/sub_data.h"
#include "app/sub/sub_presence.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "hub/revoked.h"
#include "hub/topic.h"
#include "proto/json.h"

/* A walk over the connections of a worker, or over topics, on behalf of one question. Only the
 * first in worker->walks goes on, so that many questions at once cost clients no more than one. */
struct walk {
    struct list link; /* in worker->walks */
    struct loop_task task;
    struct worker *worker;
    struct broker_count *part; /* NULL: nobody waits for an answer */
    /* Looks at one client; returns how many steps that took. */
    size_t (*visit)(struct walk *walk, struct conn *c);
    uint32_t slot;         /* of the next connection, or the number of the next topic */
    struct str sub, topic; /* views of the question; NULL: any */
    const char *reason;
    size_t limit;
    bool more;
    uint64_t n_disconnected;
    json_t *clients;
    const json_t *topics; /* of the question; NULL: connections are walked */
    json_t *subscribers;  /* of the first topics */
};

/* ---- ids ---- */

static void format_id(const struct worker *w, struct conn_ref ref, char out[API_CLIENT_ID])
{
    (void)snprintf(out, API_CLIENT_ID, "%s-%04x-%08" PRIx32 "-%08" PRIx32, w->context->node,
                   w->index & 0xffff, ref.slot, ref.generation);
}

bool api_client_id_is_valid(struct str id)
{
    static const char form[] = "hhhhhhhhhhhhhhhh-hhhh-hhhhhhhh-hhhhhhhh";

    if (id.n != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        bool is_hex = (id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f');

        if (form[i] == 'h' ? !is_hex : id.p[i] != '-')
            return false;
    }
    return true;
}

/* Reads a number of an id from its offset on. */
static uint32_t number_at(struct str id, size_t offset, size_t digits)
{
    char text[9] = "";

    memcpy(text, id.p + offset, digits);
    return (uint32_t)strtoul(text, NULL, 16);
}

#define SLOT_AT       22
#define GENERATION_AT 31

/* Compares the node and the worker of an id with ours: < 0, 0 or > 0, if they come before, ... */
static int compare_worker(const struct worker *w, struct str id)
{
    char ours[API_CLIENT_ID];

    format_id(w, (struct conn_ref){ 0 }, ours);
    return memcmp(id.p, ours, SLOT_AT);
}

/* Returns the slot behind that of the id. The next client in its own slot has a later generation,
 * and may be missed. */
static uint32_t slot_behind(struct str id)
{
    uint32_t slot = number_at(id, SLOT_AT, 8);

    return slot < UINT32_MAX ? slot + 1 : slot;
}

/* ---- clients ---- */

/* Only these are clients: the others are between two HTTP requests, or about to end. */
static bool is_client(const struct conn *c)
{
    return c && c->protocol->on_disconnect && c->auth && c->state <= CONN_LEAVING;
}

/* A topic is matched by patterns; a pattern means exactly the subscriptions to it, as presence
 * does. */
static bool is_subscribed(const struct conn *c, struct str topic)
{
    bool is_pattern = filter_is_pattern(topic);

    list_for_each(link, &c->subs)
    {
        char filter[TOPIC_MAX];
        size_t n = trie_filter(&container_of(link, struct sub, link)->trie, filter);
        struct str own = str_make(filter, n);

        if (is_pattern ? str_eq(own, topic) : filter_covers(own, topic))
            return true;
    }
    return false;
}

static json_t *describe(const struct conn *c)
{
    char id[API_CLIENT_ID], address[SOCK_ADDR_TEXT];
    struct str sub = auth_sub(c->auth);
    json_t *client;

    format_id(c->worker, c->ref, id);
    sock_addr_format(&c->client.addr, address);
    client =
        json_pack("{s:s,s:s%,s:s,s:I,s:s,s:I,s:I}", "id", id, "node", id, (size_t)16, "address",
                  address, "since", (json_int_t)c->since_s, "protocol", c->protocol->name,
                  "subscriptions", (json_int_t)c->n_subs, "queue", (json_int_t)conn_waiting(c));
    if (sub.n)
        (void)json_object_set_new(client, "sub", json_stringn(sub.p, sub.n));
    return client;
}

static bool has_sub(const struct walk *walk, const struct conn *c)
{
    return !walk->sub.p || str_eq(walk->sub, auth_sub(c->auth));
}

static size_t visit_to_list(struct walk *walk, struct conn *c)
{
    size_t steps = walk->topic.p ? 1 + (size_t)c->n_subs : 1;

    if (!has_sub(walk, c))
        return 1;
    if (walk->topic.p && !is_subscribed(c, walk->topic))
        return steps;
    if (json_array_size(walk->clients) == walk->limit)
        walk->more = true;
    else
        (void)json_array_append_new(walk->clients, describe(c));
    return steps;
}

/* ---- disconnecting ---- */

/* Returns how many steps that took. */
static size_t end_client(struct walk *walk, struct conn *c, const char *why)
{
    size_t n_subs = c->n_subs;

    walk->n_disconnected++;
    c->protocol->on_disconnect(c, why);
    return API_DISCONNECT_STEPS + n_subs;
}

static size_t visit_to_disconnect(struct walk *walk, struct conn *c)
{
    return has_sub(walk, c) ? end_client(walk, c, walk->reason) : 1;
}

static size_t visit_to_end_revoked(struct walk *walk, struct conn *c)
{
    return authorize_is_revoked(walk->worker, c->auth) ? end_client(walk, c, authorize_revoked) : 1;
}

/* ---- subscribers ---- */

/* Counts those of the next topic; returns how many steps that took. */
static size_t count_subscribers(struct walk *walk)
{
    struct str topic = json_text(json_array_get(walk->topics, walk->slot++));
    struct presence found = { 0 };
    size_t n = 0;

    if (topic_is_valid(topic))
        n = sub_presence_count(walk->worker, topic, false, &found);
    (void)json_array_append_new(walk->subscribers, json_integer((json_int_t)found.count));
    return 1 + n;
}

/* ---- the walk ---- */

static void finish(struct walk *walk)
{
    struct broker_count *part = walk->part;

    if (walk->visit == visit_to_end_revoked && walk->n_disconnected)
        log_info("revoked_disconnected", LOG_N("clients", walk->n_disconnected));
    if (part && walk->clients)
        part->answer = json_pack("{s:o,s:b}", "clients", walk->clients, "more", walk->more);
    else if (part && walk->topics)
        part->answer = json_pack("{s:o}", "subscribers", walk->subscribers);
    else if (part)
        part->answer = json_pack("{s:I}", "disconnected", (json_int_t)walk->n_disconnected);
    loop_cancel(&walk->task);
    list_remove(&walk->link);
    free(walk);
    if (part)
        broker_counted(part);
}

static void wake_first(struct worker *w)
{
    struct list *first = list_first(&w->walks);

    if (first)
        loop_next_turn(w->loop, &container_of(first, struct walk, link)->task);
}

static bool has_ended(const struct walk *walk)
{
    size_t n = walk->topics ? json_array_size(walk->topics) : walk->worker->conns.n_slots;

    return walk->slot >= n || walk->more;
}

/* Visits the next connection or topic; returns how many steps that took. */
static size_t visit_next(struct walk *walk)
{
    struct conn *c;

    if (walk->topics)
        return count_subscribers(walk);
    c = walk->worker->conns.slots[walk->slot++].conn;
    return is_client(c) ? walk->visit(walk, c) : 1;
}

static void go_on(struct loop_task *task)
{
    struct walk *walk = container_of(task, struct walk, task);
    struct worker *w = walk->worker;
    size_t steps = 0;

    while (steps < API_WALK_STEP && !has_ended(walk))
        steps += visit_next(walk);
    if (has_ended(walk))
        finish(walk);
    wake_first(w);
}

static uint64_t time_of(const json_t *question, const char *name)
{
    json_int_t ms = json_integer_value(json_object_get(question, name));

    return ms > 0 ? (uint64_t)ms : 0;
}

static struct walk *begin(struct worker *w, struct broker_count *part)
{
    struct walk *walk = mem_zalloc(sizeof(*walk));

    walk->worker = w;
    walk->part = part;
    walk->task.fn = go_on;
    if (part) {
        walk->sub = json_text(json_object_get(part->question, "sub"));
        walk->topic = json_text(json_object_get(part->question, "topic"));
    }
    list_push(&w->walks, &walk->link);
    return walk;
}

void api_worker_end(struct worker *w)
{
    while (!list_empty(&w->walks)) /* finish unlinks it, which clang does not see */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        finish(container_of(w->walks.next, struct walk, link));
}

/* ---- the questions ---- */

static void list_clients(struct worker *w, struct broker_count *part)
{
    struct str after = json_text(json_object_get(part->question, "after"));
    int64_t limit = json_integer_value(json_object_get(part->question, "limit"));
    struct walk *walk = begin(w, part);
    int order = api_client_id_is_valid(after) ? compare_worker(w, after) : -1;

    walk->visit = visit_to_list;
    walk->clients = json_array();
    walk->limit = api_clients_limit(limit);
    if (order > 0)
        walk->slot = UINT32_MAX; /* all of ours come before it */
    else if (order == 0)
        walk->slot = slot_behind(after);
    wake_first(w);
}

/* Disconnects one client. Its id leads to it, so nothing is walked. */
static void disconnect_one(struct worker *w, struct broker_count *part, struct str id,
                           const char *reason)
{
    struct conn_ref ref = { 0 };
    struct conn *c = NULL;

    if (api_client_id_is_valid(id) && compare_worker(w, id) == 0) {
        ref.slot = number_at(id, SLOT_AT, 8);
        ref.generation = number_at(id, GENERATION_AT, 8);
        c = ref.slot < w->conns.n_slots ? conn_table_find(&w->conns, ref) : NULL;
    }
    part->answer = json_pack("{s:i}", "disconnected", is_client(c) ? 1 : 0);
    if (is_client(c))
        c->protocol->on_disconnect(c, reason);
    broker_counted(part);
}

static void disconnect(struct worker *w, struct broker_count *part)
{
    struct str id = json_text(json_object_get(part->question, "client"));
    const char *reason = json_string_value(json_object_get(part->question, "reason"));
    struct walk *walk;

    if (id.p) {
        disconnect_one(w, part, id, reason ? reason : "");
        return;
    }
    walk = begin(w, part);
    walk->visit = visit_to_disconnect;
    walk->reason = reason ? reason : "";
    if (!walk->sub.n)
        walk->slot = UINT32_MAX; /* nobody is meant */
    wake_first(w);
}

static void list_subscribers(struct worker *w, struct broker_count *part)
{
    const json_t *topics = json_object_get(part->question, "topics");
    struct walk *walk;

    if (!json_is_array(topics)) {
        broker_counted(part);
        return;
    }
    walk = begin(w, part);
    walk->topics = topics;
    walk->subscribers = json_array();
    wake_first(w);
}

static void begin_revoked(struct worker *w, struct broker_count *part)
{
    w->n_revoked = revoked_changes(w->context->revoked);
    begin(w, part)->visit = visit_to_end_revoked;
    wake_first(w);
}

/* Every worker of a node adds the same entry: none waits until another one has done so. */
static void revoke(struct worker *w, struct broker_count *part)
{
    const json_t *q = part->question;
    struct str jti = json_text(json_object_get(q, "jti"));
    const struct revocation entry = {
        .kind = jti.p ? REVOKED_ID : REVOKED_SUB,
        .name = jti.p ? jti : json_text(json_object_get(q, "sub")),
        .before_ms = jti.p ? 0 : time_of(q, "before"),
        .until_ms = time_of(q, "until"),
    };

    if (revoked_add(w->context->revoked, &entry, 0) < 0) {
        broker_counted(part); /* the node reads it from Redis, or has no room for it */
        return;
    }
    begin_revoked(w, part);
}

void api_worker_end_revoked(struct worker *w)
{
    if (w->n_revoked != revoked_changes(w->context->revoked) && list_empty(&w->walks))
        begin_revoked(w, NULL);
}

static void describe_node(const struct worker *w, struct broker_count *part)
{
    const struct context *ctx = w->context;

    part->answer = json_pack(
        "{s:s,s:s,s:s%,s:I,s:I,s:I}", "node", ctx->node, "host", ctx->host, "version",
        ctx->metrics.version.p, ctx->metrics.version.n, "started", (json_int_t)ctx->started_s,
        "connections", (json_int_t)metrics_get(w->metrics, METRIC_CONNECTIONS), "subscriptions",
        (json_int_t)metrics_get(w->metrics, METRIC_SUBSCRIPTIONS));
    broker_counted(part);
}

/* The question is enough: it came behind everything that was purged. */
static void confirm(struct broker_count *part)
{
    part->answer = json_object();
    broker_counted(part);
}

void api_worker_ask(struct worker *w, struct broker_count *part)
{
    struct str op = json_text(json_object_get(part->question, "op"));

    if (str_eq(op, STR("nodes")))
        describe_node(w, part);
    else if (str_eq(op, STR("clients")))
        list_clients(w, part);
    else if (str_eq(op, STR("disconnect")))
        disconnect(w, part);
    else if (str_eq(op, STR("subscribers")))
        list_subscribers(w, part);
    else if (str_eq(op, STR("revoke")))
        revoke(w, part);
    else if (str_eq(op, STR("purged")))
        confirm(part);
    else
        broker_counted(part);
}
