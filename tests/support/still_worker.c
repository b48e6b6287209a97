#include "still_worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "app/conn/conn_ws.h"
#include "app/conn/reply.h"
#include "app/http/conn_http.h"
#include "app/rpc/rpc.h"
#include "app/sub/sub_ws.h"
#include "app/worker.h"
#include "broker/broker.h"
#include "broker/port.h"
#include "hub/revoked.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

void still_worker_open(struct still_worker *sw, uint64_t max_output_queue)
{
    static char empty[] = "";
    const struct broker_config bc = { .kind = BROKER_MEMORY,
                                      .timeout_ms = 1000,
                                      .memory_limit = 1 << 20,
                                      .metrics = &sw->broker_cell };

    memset(sw, 0, sizeof(*sw));
    sw->config.allowed_origins = sw->config.jwt_cookie = empty;
    sw->config.max_output_queue = max_output_queue;
    sw->config.ping_interval = sw->config.websocket_handshake_timeout = 30;
    sw->config.http_keepalive_timeout = 30;
    sw->workers[0] = &sw->worker_cell;
    sw->context.config = &sw->config;
    sw->context.service = &rpc_service;
    sw->context.workers = sw->workers;
    sw->context.n_workers = 1;
    sw->context.max_output_memory = sw->context.max_connections = UINT32_MAX;
    sw->context.revoked = revoked_create(REVOKED_MAX);
    require(broker_create(&bc, &sw->context.broker) == EH_OK);
    require(worker_create(&sw->context, 0, &sw->worker_cell, &sw->worker) == EH_OK);
}

void still_worker_stop(struct still_worker *sw)
{
    worker_stop(sw->worker);
    loop_run(sw->worker->loop);
}

void still_worker_free(struct still_worker *sw)
{
    worker_free(sw->worker);
    broker_free(sw->context.broker);
    revoked_free(sw->context.revoked);
}

struct conn *still_worker_accept(struct still_worker *sw, int *ret_fd)
{
    const struct sock_addr nobody = { .port = 0 };
    int fds[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    conn_open(sw->worker, fds[1], &nobody, &sw->listener, &conn_http);
    *ret_fd = fds[0];
    return sw->worker->conns.slots[sw->worker->conns.n_conns - 1].conn;
}

struct conn *still_worker_connect(struct still_worker *sw, uint8_t window_bits, int *ret_fd)
{
    struct conn *c = still_worker_accept(sw, ret_fd);

    conn_ws_begin(c, sw->worker->everybody, window_bits);
    stream_ungate(&c->stream); /* as if it had sent a frame */
    return c;
}

/* Delivers the mail of the broker's thread and of the worker's, as their loops would. */
static void deliver_mail(struct still_worker *sw)
{
    while (mailbox_drain(broker_inbox(sw->context.broker)) ||
           mailbox_drain(worker_inbox(sw->worker)))
        ;
}

struct sub *still_worker_subscribe(struct conn *c, struct str filter, struct str id, bool gaps)
{
    const struct sub_request rq = { .filter = filter, .id = id, .gaps = gaps };

    sub_open(c, sub_ws_writer_for(c), &rq, &(struct reply){ 0 }); /* sends no answer */
    deliver_mail(container_of(c->worker->context, struct still_worker, context));
    return sub_find(c, filter);
}

void still_worker_post(struct still_worker *sw, struct message *m)
{
    outbox_post(&sw->worker->port->outbox, m);
    message_unref(m);
}

static void on_turn_over(struct loop_task *task)
{
    loop_stop(container_of(task, struct still_worker, turn_over)->worker->loop);
}

void still_worker_turn(struct still_worker *sw)
{
    outbox_flush(&sw->worker->port->outbox);
    sw->turn_over.fn = on_turn_over;
    loop_at_end(sw->worker->loop, &sw->turn_over);
    loop_run(sw->worker->loop);
}
