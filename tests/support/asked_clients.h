/* asked_clients.h - WebSocket clients of one still worker, and a broker that keeps the wants and calls
 * that it gets until the test answers them, in any order.
 */
#ifndef EH_TESTS_ASKED_CLIENTS_H
#define EH_TESTS_ASKED_CLIENTS_H

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/worker.h"
#include "broker/broker.h"
#include "broker/port.h"
#include "proto/ws_client.h"
#include "support/still_worker.h"

#define CLIENTS 2
#define MAX     512

/* ---- the broker: an engine that keeps what it gets ---- */

static struct {
    struct broker_want *wants[MAX]; /* not answered yet; NULL: answered */
    size_t n_wants;
    struct broker_call *calls[MAX];
    size_t n_calls;
    char unwanted[256]; /* filters, a space after each */
} engine;

static inline void engine_call(void *e, struct broker_call *call)
{
    (void)e;
    assert_true(engine.n_calls < MAX);
    engine.calls[engine.n_calls++] = call;
}

static inline void engine_want(void *e, struct broker_want *want)
{
    (void)e;
    assert_true(engine.n_wants < MAX);
    engine.wants[engine.n_wants++] = want;
}

static inline void engine_unwant(void *e, struct broker_port *port, struct str filter)
{
    size_t used = strlen(engine.unwanted);

    (void)e;
    (void)port;
    (void)snprintf(engine.unwanted + used, sizeof(engine.unwanted) - used, "%.*s ",
                   STR_ARG(filter));
}

static const struct engine_ops ops = {
    .call = engine_call,
    .want = engine_want,
    .unwant = engine_unwant,
};

/* ---- the clients ---- */

struct client {
    int fd;
    struct conn *conn;
    struct buf got;
};

static struct fixture {
    struct still_worker sw;
    struct client clients[CLIENTS];
    size_t n_clients;
} fx;

static inline struct core *core(void)
{
    return fx.sw.worker->port->outbox.core;
}

/* Lets worker and broker do all that they can do. */
static inline void settle(void)
{
    for (int i = 0; i < 4; i++) {
        still_worker_turn(&fx.sw);
        while (mailbox_drain(broker_inbox(fx.sw.context.broker)))
            ;
    }
    for (size_t i = 0; i < fx.n_clients; i++) {
        char bytes[16 * 1024];
        ssize_t n = fx.clients[i].fd < 0 ? 0 : recv(fx.clients[i].fd, bytes, sizeof(bytes), 0);

        if (n > 0)
            buf_add(&fx.clients[i].got, bytes, (size_t)n);
    }
}

static inline int set_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof(fx));
    memset(&engine, 0, sizeof(engine));
    still_worker_open(&fx.sw, 1024 * 1024);
    fx.sw.config.max_subscriptions = 1000;
    fx.sw.config.max_message_size = fx.sw.config.max_header_size = 64 * 1024;
    fx.sw.config.max_cache_request_limit = 100;
    fx.sw.config.broker_timeout = 60;
    fx.sw.config.enable_cache = fx.sw.config.enable_kvstore = fx.sw.config.enable_sse = true;
    fx.sw.config.disable_auth = true;
    fx.sw.worker->newest = (struct msgid){ .ms = 1 };
    core()->ops = &ops;
    core()->engine = &engine;
    return 0;
}

static inline void answer_want(size_t i, uint64_t newest)
{
    assert_true(i < engine.n_wants && engine.wants[i]);
    core_answer_want(core(), engine.wants[i], (struct msgid){ .ms = newest });
    engine.wants[i] = NULL;
    settle();
}

/* Answers everything that is left, as a broker does that stops. */
static inline int tear_down(void **state)
{
    (void)state;
    still_worker_stop(&fx.sw);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (fx.clients[i].conn && fx.clients[i].fd >= 0)
            close(fx.clients[i].fd);
        buf_done(&fx.clients[i].got);
    }
    while (mailbox_drain(broker_inbox(fx.sw.context.broker)))
        ;
    for (size_t i = 0; i < engine.n_wants; i++) {
        if (engine.wants[i])
            core_answer_want(core(), engine.wants[i], (struct msgid){ 0 });
    }
    for (size_t i = 0; i < engine.n_calls; i++) {
        if (engine.calls[i])
            core_answer(core(), engine.calls[i], BROKER_NOT_DONE);
    }
    core()->engine = NULL;
    while (mailbox_drain(worker_inbox(fx.sw.worker)))
        ;
    assert_int_equal(fx.sw.worker->pending_bytes, 0);
    still_worker_free(&fx.sw);
    return 0;
}

static inline struct client *open_client(void)
{
    struct client *c = &fx.clients[fx.n_clients++];

    c->conn = still_worker_connect(&fx.sw, 0, &c->fd);
    return c;
}

/* Asks for an event stream. */
static inline struct client *open_stream(const char *target)
{
    struct client *c = &fx.clients[fx.n_clients];
    char head[512];
    int n = snprintf(head, sizeof(head),
                     "GET %s HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n", target);

    fx.sw.config.allowed_origins = (char *)(uintptr_t) "*";
    c->conn = still_worker_accept(&fx.sw, &c->fd);
    fx.n_clients++;
    assert_int_equal(send(c->fd, head, (size_t)n, 0), n);
    settle();
    return c;
}

/* Sends a text message, masked with zeros. */
static inline void send_text(struct client *c, const char *text)
{
    static const uint8_t mask[WS_MASK_LEN];
    struct buf frame = { 0 };

    ws_client_frame(&frame, WS_OP_TEXT, str_of(text), mask);
    assert_int_equal(send(c->fd, buf_head(&frame), buf_used(&frame), 0), buf_used(&frame));
    buf_done(&frame);
}

static inline void request(struct client *c, int id, const char *method, const char *params)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":%s}", id, method,
                   params);
    send_text(c, text);
}

static inline void subscribe(struct client *c, int id, const char *topic)
{
    char params[128];

    (void)snprintf(params, sizeof(params), "{\"topic\":\"%s\",\"gaps\":true}", topic);
    request(c, id, "subscribe", params);
}

static inline void publish(struct client *c, int id)
{
    request(c, id, "publish", "{\"topic\":\"p\",\"message\":\"m\"}");
}

static inline void post(uint64_t ms, const char *topic)
{
    still_worker_post(&fx.sw, message_create((struct msgid){ .ms = ms }, str_of(topic),
                                             STR("\"text\""), STR("")));
}

/* Returns true if the client has received this text since the last call of `forget`. */
static inline bool has(const struct client *c, const char *text)
{
    const struct str got = buf_str(&c->got);

    return got.p && memmem(got.p, got.n, text, strlen(text)) != NULL;
}

static inline bool has_answer(const struct client *c, int id)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "{\"id\":%d,", id);
    return has(c, text);
}

static inline void forget(struct client *c)
{
    buf_done(&c->got);
}

static inline struct broker_call *call(size_t i)
{
    assert_true(i < engine.n_calls && engine.calls[i]);
    return engine.calls[i];
}

static inline void answer_call(size_t i, enum broker_status status)
{
    core_answer(core(), call(i), status);
    engine.calls[i] = NULL;
    settle();
}

#endif
