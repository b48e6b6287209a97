#include "one_worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "app/config/config_load.h"
#include "app/rpc/rpc.h"
#include "app/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "hub/revoked.h"
#include "net/acceptor.h"

#define OPTIONS_MAX 32

enum { CELL_BROKER, CELL_WORKER, CELLS };

struct one_worker {
    struct config config;
    struct context context;
    struct listener listeners[ONE_WORKER_LISTENERS];
    struct metrics_cell cells[CELLS];
    struct metrics_cell *cell[CELLS];
    struct worker *worker;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void load_config(struct config *config, const char *const *options)
{
    char *nothing[] = { NULL };
    char *argv[OPTIONS_MAX] = { (char *)(uintptr_t) "test", (char *)(uintptr_t) "--broker=memory" };
    struct config_source source = { .argc = 2, .argv = argv, .environment = nothing };
    enum config_action action;
    struct buf why = { 0 };

    for (; *options; options++) {
        require(source.argc < OPTIONS_MAX);
        argv[source.argc++] = (char *)(uintptr_t)*options;
    }
    require(config_load(&source, config, &action, &why) == EH_OK);
}

static void make_context(struct one_worker *o)
{
    struct context *ctx = &o->context;

    for (size_t i = 0; i < CELLS; i++)
        o->cell[i] = &o->cells[i];
    o->listeners[ONE_WORKER_PROXY].has_proxy_header = true;
    ctx->config = &o->config;
    ctx->service = &rpc_service;
    ctx->listeners = o->listeners;
    ctx->has_internal_listener = true; /* so that these do not serve health and metrics */
    ctx->metrics.cells = o->cell;
    ctx->metrics.n_cells = CELLS;
    ctx->metrics.prefix = STR("eventhub");
    ctx->metrics.version = STR("test");
    ctx->workers = o->cell + CELL_WORKER;
    ctx->n_workers = 1;
    ctx->revoked = revoked_create(REVOKED_MAX);
    ctx->max_connections = UINT32_MAX;
    ctx->max_output_memory = UINT32_MAX;
}

static void make_broker(struct one_worker *o)
{
    const struct broker_config bc = {
        .kind = BROKER_MEMORY,
        .cache = o->config.enable_cache,
        .max_cache_length = o->config.max_cache_length,
        .default_ttl_s = o->config.default_cache_ttl,
        .timeout_ms = o->config.broker_timeout * 1000,
        .memory_limit = o->config.memory_limit,
        .metrics = o->cell[CELL_BROKER],
        .revoked = o->context.revoked,
    };

    require(broker_create(&bc, &o->context.broker) == EH_OK);
}

struct one_worker *one_worker_start(const char *const *options)
{
    struct one_worker *o = mem_zalloc(sizeof(*o));

    load_config(&o->config, options);
    log_setup((enum log_level)o->config.log_level, (enum log_format)o->config.log_format);
    make_context(o);
    make_broker(o);
    require(worker_create(&o->context, 0, o->cell[CELL_WORKER], &o->worker) == EH_OK);
    require(broker_start(o->context.broker) == EH_OK);
    require(worker_start(o->worker) == EH_OK);
    return o;
}

int one_worker_connect(struct one_worker *o, enum one_worker_listener from)
{
    struct accepted *got = mem_zalloc(sizeof(*got));
    int fds[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    require(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    got->mail.fn = worker_on_accepted;
    got->fd = fds[1];
    got->listener = from;
    mailbox_post(worker_inbox(o->worker), &got->mail);
    return fds[0];
}

void one_worker_stop(struct one_worker *o)
{
    worker_stop(o->worker);
    worker_join(o->worker);
    broker_stop(o->context.broker);
    worker_free(o->worker);
    broker_free(o->context.broker);
    revoked_free(o->context.revoked);
    config_done(&o->config);
    free(o);
}
