#include "ctl/link/session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"
#include "ctl/link/backoff.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "net/loop.h"
#include "proto/json.h"
#include "proto/ws.h"

#define STABLE_MS  10000   /* a connection that lasted so long makes back-off begin anew */
#define VALUES_MAX 2000000 /* of one message; an answer of eventlog has at most 600,000 */

enum state { CONNECTING, OPEN, WAITING, CLOSING, ENDED };

/* A call that is not answered, or a subscription. */
struct call {
    uint64_t id;
    uint64_t due_ms;
    struct list link; /* in `waiting` until it is answered, then in `subscriptions` */
    session_answer_fn *fn;
    session_message_fn *on_message; /* NULL: not a subscription */
    void *arg;
    bool is_answered;
};

struct session {
    struct runtime *rt;
    struct session_setup setup;
    enum state state;
    struct ws_link *link; /* NULL: WAITING, ENDED */
    bool has_been_open;
    bool is_freed;
    bool is_full;       /* on_room is owed */
    uint64_t opened_ms; /* when the last connection was made */
    unsigned attempt;
    struct timer retry;
    uint64_t last_id;
    struct table by_id;
    struct list waiting; /* for answers; the oldest first, which is the first one due */
    uint64_t n_waiting;
    struct list subscriptions;
    struct timer due; /* of the first of `waiting` */
    struct loop_task reap;
};

static struct loop *loop_of(const struct session *s)
{
    return runtime_loop(s->rt);
}

/* ---- calls ---- */

static uint32_t hash_of(uint64_t id)
{
    return (uint32_t)(id * 0x9e3779b97f4a7c15 >> 32);
}

static bool has_id(const void *item, const void *key)
{
    return ((const struct call *)item)->id == *(const uint64_t *)key;
}

static void drop(struct session *s, struct call *c)
{
    table_remove(&s->by_id, c, hash_of(c->id));
    list_remove(&c->link);
    s->n_waiting -= !c->is_answered;
    free(c);
}

/* Answers the call, which ends it unless it is a subscription that the server has confirmed. */
static void answer(struct session *s, struct call *c, const struct session_answer *a)
{
    session_answer_fn *fn = c->fn;
    void *arg = c->arg;

    if (c->on_message && a->state == SESSION_ANSWERED) {
        c->is_answered = true;
        s->n_waiting--;
        list_remove(&c->link);
        list_push(&s->subscriptions, &c->link);
    } else {
        drop(s, c);
    }
    fn(a, arg);
}

static void drop_all(struct session *s, struct list *calls)
{
    struct list *first;

    while ((first = list_first(calls)))
        drop(s, container_of(first, struct call, link));
}

static void lose_calls(struct session *s)
{
    struct list *first;

    drop_all(s, &s->subscriptions);
    while (!s->is_freed && (first = list_first(&s->waiting)))
        answer(s, container_of(first, struct call, link),
               &(struct session_answer){ .state = SESSION_LOST });
}

static void set_due(struct session *s)
{
    struct list *first = list_first(&s->waiting);
    const uint64_t now = loop_now(loop_of(s));
    uint64_t due;

    if (!first)
        return; /* the timer, if it runs, finds no call that is due */
    due = container_of(first, struct call, link)->due_ms;
    loop_timer(loop_of(s), &s->due, due > now ? due - now : 0);
}

static void on_due(struct timer *t)
{
    struct session *s = container_of(t, struct session, due);
    const uint64_t now = loop_now(loop_of(s));
    struct list *first;

    while (!s->is_freed && (first = list_first(&s->waiting))) {
        struct call *c = container_of(first, struct call, link);

        if (c->due_ms > now)
            break;
        answer(s, c, &(struct session_answer){ .state = SESSION_LATE });
    }
    if (!s->is_freed)
        set_due(s);
}

/* ---- messages in ---- */

/* Counts what begins a value, so that a short text cannot become a tree of many times its size. */
static bool has_too_many_values(struct str json)
{
    bool in_string = false;
    size_t n = 0;

    for (size_t i = 0; i < json.n; i++) {
        const char c = json.p[i];

        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else
            n += c == ',' || c == '[' || c == '{';
    }
    return n > VALUES_MAX;
}

/* Reads an answer. False: the message is not one. */
static bool read_answer(const json_t *root, struct session_answer *ret)
{
    const json_t *error = json_object_get(root, "error");

    ret->result = json_object_get(root, "result");
    ret->state = error ? SESSION_REFUSED : SESSION_ANSWERED;
    ret->code = json_integer_value(json_object_get(error, "code"));
    ret->message = json_text(json_object_get(error, "message"));
    ret->data = json_text(json_object_get(error, "data"));
    return (ret->result != NULL) != (error != NULL);
}

/* Hands an answer or a message to the call with its id. That may be unknown: of a call that was
 * answered as late. */
static void dispatch(struct session *s, uint64_t id, const struct session_answer *a)
{
    struct call *c = table_find(&s->by_id, hash_of(id), has_id, &id);

    if (!c)
        return;
    if (!c->is_answered)
        answer(s, c, a);
    else if (a->state == SESSION_ANSWERED)
        c->on_message(a->result, c->arg);
}

static void offer_room(struct session *s)
{
    if (!s->is_full || s->is_freed || !session_has_room(s))
        return;
    s->is_full = false;
    if (s->setup.events->on_room)
        s->setup.events->on_room(s->setup.arg);
}

static void on_text(void *owner, struct str text)
{
    struct session *s = owner;
    struct session_answer a = { 0 };
    const json_t *id;

    if (s->setup.events->on_text && s->setup.events->on_text(s->setup.arg, text))
        return;
    if (text.n > VALUES_MAX && has_too_many_values(text)) {
        ws_link_refuse(s->link, WS_CLOSE_POLICY, "it sent a message with too many values");
        return;
    }
    json_auto_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_ALLOW_NUL, NULL);
    id = json_object_get(root, "id");
    if (!json_is_integer(id) || !read_answer(root, &a)) {
        ws_link_refuse(s->link, WS_CLOSE_POLICY, "it sent a message that is not an answer");
        return;
    }
    dispatch(s, (uint64_t)json_integer_value(id), &a);
    offer_room(s);
}

/* ---- the connection ---- */

static const struct link_events link_events;

static void start(struct session *s)
{
    s->state = CONNECTING;
    s->link = ws_link_create(s->rt, s->setup.target, &link_events, s);
}

static void on_retry(struct timer *t)
{
    struct session *s = container_of(t, struct session, retry);

    if (s->state == WAITING) {
        start(s);
        return;
    }
    s->state = ENDED; /* session_close while there was no connection */
    if (s->setup.events->on_closed)
        s->setup.events->on_closed(s->setup.arg);
}

static void on_open(void *owner)
{
    struct session *s = owner;
    const bool again = s->has_been_open;

    s->state = OPEN;
    s->has_been_open = true;
    s->opened_ms = loop_now(loop_of(s));
    s->is_full = false;
    s->setup.events->on_open(s->setup.arg, again);
}

static void connect_later(struct session *s, const struct link_end *end)
{
    const uint64_t wait = backoff_wait_ms(s->attempt++, random_u64());

    s->state = WAITING;
    loop_timer(loop_of(s), &s->retry, wait);
    if (s->setup.events->on_lost)
        s->setup.events->on_lost(s->setup.arg, end->status, end->why, wait);
}

static void on_link_end(void *owner, const struct link_end *end)
{
    struct session *s = owner;
    const enum state before = s->state;

    if (before == OPEN && loop_now(loop_of(s)) - s->opened_ms >= STABLE_MS)
        s->attempt = 0;
    s->state = ENDED;
    ws_link_free(s->link); /* its texts stay until the end of the turn */
    s->link = NULL;
    lose_calls(s);
    if (s->is_freed)
        return;
    if (before != CLOSING && s->setup.reconnect && s->has_been_open && !end->is_final)
        connect_later(s, end);
    else if (before != CLOSING)
        s->setup.events->on_end(s->setup.arg, end->status, end->why);
    else if (s->setup.events->on_closed)
        s->setup.events->on_closed(s->setup.arg);
}

static void on_sent(void *owner)
{
    offer_room(owner);
}

static const struct link_events link_events = {
    .on_open = on_open, .on_text = on_text, .on_end = on_link_end, .on_sent = on_sent
};

/* ---- the user's side ---- */

struct session *session_create(struct runtime *rt, const struct session_setup *setup)
{
    struct session *s = mem_zalloc(sizeof(*s));

    s->rt = rt;
    s->setup = *setup;
    list_init(&s->waiting);
    list_init(&s->subscriptions);
    timer_init(&s->retry, on_retry);
    timer_init(&s->due, on_due);
    start(s);
    return s;
}

static void on_reap(struct loop_task *task)
{
    struct session *s = container_of(task, struct session, reap);

    drop_all(s, &s->waiting);
    drop_all(s, &s->subscriptions);
    table_done(&s->by_id);
    free(s);
}

void session_free(struct session *s)
{
    if (!s || s->is_freed)
        return;
    s->is_freed = true;
    s->state = ENDED;
    timer_stop(&s->retry);
    timer_stop(&s->due);
    ws_link_free(s->link);
    s->link = NULL;
    s->reap.fn = on_reap;
    loop_reap_later(loop_of(s), &s->reap);
}

void session_close(struct session *s)
{
    if (s->state == CLOSING || s->state == ENDED)
        return;
    s->state = CLOSING;
    if (s->link)
        ws_link_close(s->link);
    else
        loop_timer(loop_of(s), &s->retry, 0);
}

bool session_is_open(const struct session *s)
{
    return s->state == OPEN;
}

bool session_has_room(const struct session *s)
{
    return s->state == OPEN && s->n_waiting < SESSION_CALLS_MAX &&
           ws_link_queued(s->link) < SESSION_QUEUE_MAX;
}

static void send_request(struct session *s, uint64_t id, const char *method, json_t *params)
{
    json_auto_t *request =
        json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", (json_int_t)id, "method", method);
    char *text;

    if (params)
        (void)json_object_set_new(request, "params", params);
    text = json_dumps(request, JSON_COMPACT);
    ws_link_send(s->link, str_of(text));
    free(text);
}

static void add_call(struct session *s, const char *method, json_t *params, const struct call *call)
{
    struct call *c = mem_alloc(sizeof(*c));

    assert(s->state == OPEN);
    *c = *call;
    c->id = ++s->last_id;
    c->due_ms = loop_now(loop_of(s)) + s->setup.target->timeout_ms;
    table_add(&s->by_id, c, hash_of(c->id));
    list_push(&s->waiting, &c->link);
    s->n_waiting++;
    if (!timer_is_running(&s->due))
        set_due(s);
    send_request(s, c->id, method, params);
    s->is_full = s->is_full || !session_has_room(s);
}

void session_call(struct session *s, const char *method, json_t *params, session_answer_fn *fn,
                  void *arg)
{
    add_call(s, method, params, &(struct call){ .fn = fn, .arg = arg });
}

void session_subscribe(struct session *s, json_t *params, session_answer_fn *fn,
                       session_message_fn *on_message, void *arg)
{
    add_call(s, "subscribe", params,
             &(struct call){ .fn = fn, .on_message = on_message, .arg = arg });
}
