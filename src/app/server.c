#include "app/server.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/broker_setup.h"
#include "app/config/config_reload.h"
#include "app/key_provider.h"
#include "app/keys.h"
#include "app/listeners.h"
#include "app/memory.h"
#include "app/process.h"
#include "app/redis_tls.h"
#include "app/signals.h"
#include "app/supervisor.h"
#include "app/topics.h"
#include "app/watchdog.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "broker/broker.h"
#include "net/acceptor.h"
#include "net/per_ip.h"

#define PROCESS_MS          5000 /* between two readings of /proc */
#define HELD_LOG_MS         1000
#define HISTORY_WAITING_MAX 2000 /* requests; beyond it, new connections wait */
#define STOP_SPARE_MS       5000 /* beyond SHUTDOWN_TIMEOUT, for the threads to end */

struct server {
    const struct server_setup *setup;
    struct context context;
    struct loop *loop;
    struct mailbox *inbox;
    struct loop_io signals;
    struct supervisor *supervisor;
    struct timer process; /* figures from /proc */
    struct timer phase;   /* the next phase of stopping */
    struct mail unusable; /* from the broker */
    struct acceptor *acceptor;
    struct broker_setup broker_setup;
    struct broker *broker;
    struct key_provider *key_provider;
    struct worker **workers;
    struct mailbox **inboxes; /* the workers', for the acceptor */
    size_t n_workers;
    size_t n_drained;
    struct metrics_cell **cells; /* main, broker, acceptor, keys, then the workers */
    size_t n_cells;
    uint64_t stop_at_ms;  /* loop_now */
    uint64_t held_log_ms; /* the acceptor's thread: from when on it may log again */
    struct listeners listeners;
    bool stopping;
    enum server_end end;
};

enum { CELL_MAIN, CELL_BROKER, CELL_ACCEPTOR, CELL_KEYS, CELL_WORKERS };

static uint64_t clients_of(const struct server *s, size_t worker)
{
    return metrics_get(s->cells[CELL_WORKERS + worker], METRIC_CONNECTIONS);
}

/* Tells the service manager in one line how the server is doing. */
static void report_status(struct server *s)
{
    const char *broker = broker_is_ready(s->broker) ? "connected" : "away";
    uint64_t clients = 0;

    for (size_t i = 0; i < s->n_workers; i++)
        clients += clients_of(s, i);
    supervisor_status(s->supervisor, "%s, %" PRIu64 " clients, broker %s",
                      s->stopping ? "Stopping" : "Serving", clients, broker);
}

static void on_process(struct timer *t)
{
    struct server *s = container_of(t, struct server, process);
    struct metrics_cell *m = s->cells[CELL_MAIN];
    struct process_figures f;

    process_read(&f);
    metrics_set(m, METRIC_PROCESS_CPU_MS, f.cpu_ms);
    metrics_set(m, METRIC_PROCESS_RSS, f.rss);
    metrics_set(m, METRIC_PROCESS_FDS, f.fds);
    metrics_set(m, METRIC_PROCESS_MAX_FDS, f.max_fds);
    metrics_set(m, METRIC_PROCESS_START_S, f.start_s);
    metrics_set(m, METRIC_LOG_DROPPED, log_dropped());
    report_status(s);
    loop_timer(s->loop, t, PROCESS_MS);
}

static void on_exhausted(void *arg, int err)
{
    struct server *s = arg;

    metrics_inc(s->cells[CELL_ACCEPTOR], METRIC_ACCEPT_EXHAUSTED);
    log_warn("accept_exhausted", LOG_Z("why", strerror(err)));
}

static void on_paced(void *arg)
{
    struct server *s = arg;

    metrics_inc(s->cells[CELL_ACCEPTOR], METRIC_ACCEPT_PACED);
}

/* Connections wait while many requests for history are waiting: after an outage, clients come back
 * all at once, and the kernel's queue and its SYN retries spread them over time. */
static bool is_loaded(void *arg, bool was_loaded)
{
    const struct server *s = arg;
    uint64_t waiting = metrics_get(s->cells[CELL_BROKER], METRIC_HISTORY_WAITING);

    return was_loaded ? waiting >= HISTORY_WAITING_MAX / 2 : waiting > HISTORY_WAITING_MAX;
}

static void on_held(void *arg, enum acceptor_load load)
{
    struct server *s = arg;
    struct metrics_cell *m = s->cells[CELL_ACCEPTOR];
    uint64_t now = clock_mono_ms();

    metrics_set(m, METRIC_ACCEPT_IS_HELD, load != ACCEPTOR_NOT_LOADED);
    if (load == ACCEPTOR_NOT_LOADED)
        return;
    metrics_inc(m, load == ACCEPTOR_LOADED ? METRIC_HELD_HISTORY : METRIC_HELD_WORKERS);
    if (now < s->held_log_ms)
        return;
    s->held_log_ms = now + HELD_LOG_MS;
    log_warn("accept_held",
             LOG_Z("why", load == ACCEPTOR_LOADED ? "too many requests for history wait"
                                                  : "all workers are late"));
}

static void phase(struct server *s, timer_fn *fn, uint64_t after_ms)
{
    timer_stop(&s->phase);
    timer_init(&s->phase, fn);
    loop_timer(s->loop, &s->phase, after_ms);
}

static void on_time_up(struct timer *t)
{
    struct server *s = container_of(t, struct server, phase);

    log_warn("drain_incomplete", LOG_N("workers", s->n_workers - s->n_drained));
    loop_stop(s->loop);
}

static void on_drained(struct mail *m, void *owner)
{
    struct server *s = owner;

    (void)m;
    if (++s->n_drained == s->n_workers)
        loop_stop(s->loop);
}

static void on_drain(struct timer *t)
{
    struct server *s = container_of(t, struct server, phase);
    uint64_t now = loop_now(s->loop);
    uint64_t left = s->stop_at_ms > now ? s->stop_at_ms - now : 0;
    struct drain_plan plan = { .spread_ms = left * 7 / 10 };
    uint64_t clients = 0;

    supervisor_unwatch(s->supervisor, acceptor_inbox(s->acceptor));
    listeners_remove_file(&s->listeners);
    acceptor_stop(s->acceptor);
    s->acceptor = NULL;
    for (size_t i = 0; i < s->n_workers; i++) {
        clients += clients_of(s, i);
        plan.turns += clients_of(s, i) > 0;
    }
    log_info("draining", LOG_N("clients", clients), LOG_N("spread_ms", plan.spread_ms));
    for (size_t i = 0; i < s->n_workers; i++) {
        worker_drain(s->workers[i], &plan, s->inbox, on_drained);
        plan.turn += clients_of(s, i) > 0;
    }
    phase(s, on_time_up, left * 95 / 100); /* the rest is for the threads to end */
}

static void begin_stop(struct server *s, int signal_number)
{
    const struct config *config = s->setup->config;
    uint64_t delay_ms = config->drain_delay * 1000;
    uint64_t most_ms = config->shutdown_timeout * 1000;

    log_info("stopping", LOG_Z("signal", strsignal(signal_number)),
             LOG_N("timeout", config->shutdown_timeout));
    s->stopping = true;
    s->stop_at_ms = loop_now(s->loop) + most_ms;
    atomic_store(&s->context.draining, true);
    supervisor_stopping(s->supervisor, most_ms + STOP_SPARE_MS);
    report_status(s);
    phase(s, on_drain, delay_ms < most_ms ? delay_ms : most_ms);
}

static void reload(struct server *s)
{
    log_info("reloading", LOG_END);
    supervisor_reloading(s->supervisor);
    config_reload(s->setup->config);
    keys_reload(s->setup->config, s->setup->keys, s->cells[CELL_MAIN]);
    topics_reload(s->setup->config, s->setup->topics, s->cells[CELL_MAIN]);
    certificates_reload(s->setup->certificates);
    redis_tls_reload(s->setup->config, s->setup->redis_tls);
    broker_renew(s->broker);
    supervisor_reloaded(s->supervisor);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct server *s = container_of(io, struct server, signals);
    int number = signals_read(io);

    (void)events;
    if (number == 0)
        return;
    if (number == SIGHUP) {
        reload(s);
        return;
    }
    if (!s->stopping) {
        begin_stop(s, number);
        return;
    }
    log_warn("stopped_at_once", LOG_END);
    s->end = SERVER_INTERRUPTED;
    loop_stop(s->loop);
}

/* The log has the reason. */
static void on_unusable(struct mail *m, void *owner)
{
    struct server *s = owner;

    (void)m;
    s->end = SERVER_FAILED;
    loop_stop(s->loop);
}

static void make_context(struct server *s, uint64_t fds)
{
    s->context.config = s->setup->config;
    s->context.keys = s->setup->keys;
    s->context.topics = s->setup->topics;
    s->context.revoked = s->broker_setup.config.revoked;
    s->context.tokens.audience = str_of(s->setup->config->jwt_audience);
    s->context.tokens.issuer = str_of(s->setup->config->jwt_issuer);
    s->context.tokens.leeway_ms = s->setup->config->jwt_leeway * 1000;
    s->context.listeners = s->listeners.at;
    s->context.has_internal_listener = s->listeners.n > s->listeners.n_public;
    s->context.broker = s->broker;
    (void)snprintf(s->context.node, sizeof(s->context.node), "%016" PRIx64, random_u64());
    (void)gethostname(s->context.host, sizeof(s->context.host) - 1);
    str_copy_printable(s->context.host, sizeof(s->context.host), s->context.host);
    s->context.started_s = clock_wall_ms() / 1000;
    s->context.metrics.cells = s->cells;
    s->context.metrics.n_cells = s->n_cells;
    s->context.metrics.prefix = str_of(s->setup->config->prometheus_metric_prefix);
    s->context.metrics.version = STR(EVENTHUB_VERSION);
    s->context.workers = s->cells + CELL_WORKERS;
    s->context.n_workers = s->n_workers;
    if (s->setup->config->max_connections_per_ip)
        s->context.per_ip = per_ip_create(s->setup->config->max_connections_per_ip);
    s->context.max_output_memory = s->setup->config->max_output_memory
                                       ? s->setup->config->max_output_memory
                                       : memory_available("") / 4;
    s->context.max_connections =
        s->setup->config->max_connections ? s->setup->config->max_connections : fds;
    metrics_set(s->cells[CELL_MAIN], METRIC_OUTPUT_LIMIT, s->context.max_output_memory);
    metrics_set(s->cells[CELL_MAIN], METRIC_CONNECTIONS_LIMIT, s->context.max_connections);
}

static int make_broker(struct server *s)
{
    broker_setup_init(&s->broker_setup, s->setup->config, s->setup->redis_tls);
    s->broker_setup.config.metrics = s->cells[CELL_BROKER];
    EH_TRY(broker_create(&s->broker_setup.config, &s->broker));
    s->unusable.fn = on_unusable;
    broker_on_unusable(s->broker, s->inbox, &s->unusable);
    return EH_OK;
}

static int start_acceptor(struct server *s)
{
    struct acceptor_config ac = {
        .listen_fds = s->listeners.fds,
        .are_kept = s->listeners.are_kept,
        .n_listen_fds = s->listeners.n,
        .workers = s->inboxes,
        .n_workers = s->n_workers,
        .on_accepted = worker_on_accepted,
        .on_exhausted = on_exhausted,
        .rate = s->setup->config->connect_rate,
        .n_rated_fds = s->listeners.n_public,
        .on_paced = on_paced,
        .is_loaded = is_loaded,
        .on_held = on_held,
        .arg = s,
    };

    return acceptor_start(&ac, &s->acceptor);
}

static void log_started(const struct server *s)
{
    keys_started(s->setup->config, s->setup->keys, &s->setup->keys_skipped, s->cells[CELL_MAIN]);
    listeners_log(&s->listeners);
    log_info("started", LOG_N("workers", s->n_workers),
             LOG_Z("broker", s->setup->config->broker == CONFIG_BROKER_MEMORY ? "memory" : "redis"),
             LOG_N("max_connections", s->context.max_connections),
             LOG_N("max_output_memory", s->context.max_output_memory),
             LOG_Z("version", EVENTHUB_VERSION));
}

/* Watches every loop but main's own, which asks the others. */
static void watch_loops(struct server *s)
{
    supervisor_watch(s->supervisor, "broker", broker_inbox(s->broker));
    supervisor_watch(s->supervisor, "acceptor", acceptor_inbox(s->acceptor));
    for (size_t i = 0; i < s->n_workers; i++) {
        char name[WATCHDOG_NAME_MAX];

        (void)snprintf(name, sizeof(name), "worker-%zu", i % 1000); /* the name of the thread */
        supervisor_watch(s->supervisor, name, s->inboxes[i]);
    }
}

static int start(struct server *s)
{
    uint64_t fds = process_raise_fd_limit();

    s->n_workers =
        s->setup->config->worker_threads ? s->setup->config->worker_threads : process_count_cpus();
    s->n_cells = CELL_WORKERS + s->n_workers;
    s->cells = mem_array(NULL, s->n_cells, sizeof(s->cells[0]));
    for (size_t i = 0; i < s->n_cells; i++)
        s->cells[i] = mem_zalloc(sizeof(*s->cells[i]));
    metrics_set(s->cells[CELL_MAIN], METRIC_WORKERS, s->n_workers);

    EH_TRY(loop_create(&s->loop));
    EH_TRY(mailbox_create(s->loop, s, &s->inbox));
    s->supervisor = supervisor_create(s->loop, s->inbox, s->n_workers + 2);
    EH_TRY(signals_watch(s->loop, &s->signals));
    certificates_start(s->setup->certificates, s->loop, s->cells[CELL_MAIN]);
    EH_TRY(
        listeners_open(s->setup->config, certificates_tls(s->setup->certificates), &s->listeners));
    EH_TRY(make_broker(s));
    make_context(s, fds);
    EH_TRY(key_provider_start(s->setup->config, s->setup->keys, s->cells[CELL_KEYS],
                              &s->key_provider));

    s->workers = mem_zalloc(s->n_workers * sizeof(s->workers[0]));
    s->inboxes = mem_zalloc(s->n_workers * sizeof(s->inboxes[0]));
    for (size_t i = 0; i < s->n_workers; i++) {
        EH_TRY(worker_create(&s->context, (unsigned)i, s->cells[CELL_WORKERS + i], &s->workers[i]));
        s->inboxes[i] = worker_inbox(s->workers[i]);
    }
    EH_TRY(broker_start(s->broker));
    for (size_t i = 0; i < s->n_workers; i++)
        EH_TRY(worker_start(s->workers[i]));
    EH_TRY(start_acceptor(s));

    timer_init(&s->process, on_process);
    on_process(&s->process);
    log_started(s);
    watch_loops(s);
    supervisor_ready(s->supervisor);
    return EH_OK;
}

/* Stops the acceptor first, then the workers, so that no new requests come, then the broker, which
 * answers the calls that it holds. free_all takes those answers from the inboxes. */
static void stop_threads(struct server *s)
{
    acceptor_stop(s->acceptor);
    for (size_t i = 0; i < s->n_workers; i++)
        worker_stop(s->workers[i]);
    for (size_t i = 0; i < s->n_workers; i++)
        worker_join(s->workers[i]);
    key_provider_stop(s->key_provider);
    broker_stop(s->broker);
}

/* Counts the connections that the drain did not end in time. */
static uint64_t count_reset(const struct server *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s->n_workers; i++)
        n += metrics_get(s->cells[CELL_WORKERS + i], METRIC_CLOSED_RESET);
    return n;
}

static void free_all(struct server *s)
{
    for (size_t i = 0; s->workers && i < s->n_workers; i++)
        worker_free(s->workers[i]);
    free(s->workers);
    free(s->inboxes);
    per_ip_free(s->context.per_ip);
    broker_free(s->broker);
    broker_setup_done(&s->broker_setup);
    certificates_stop(s->setup->certificates);
    timer_stop(&s->process);
    timer_stop(&s->phase);
    while (s->inbox && mailbox_drain(s->inbox))
        ; /* late `drained` mails, and answers to the watchdog */
    supervisor_free(s->supervisor);
    mailbox_free(s->inbox);
    loop_free(s->loop);
    for (size_t i = 0; i < s->n_cells; i++)
        free(s->cells[i]);
    free(s->cells);
}

enum server_end server_run(const struct server_setup *setup)
{
    static struct server s; /* static: threads still use it after SERVER_INTERRUPTED */

    s = (struct server){ .setup = setup,
                         .context.service = setup->service,
                         .signals.fn = on_signal,
                         .end = SERVER_DRAINED };

    if (start(&s) < 0) {
        listeners_remove_file(&s.listeners);
        log_error("start_failed", LOG_END);
        return SERVER_FAILED;
    }
    loop_run(s.loop);
    listeners_remove_file(&s.listeners);
    if (s.end == SERVER_INTERRUPTED)
        return s.end;
    stop_threads(&s);
    log_info("stopped", LOG_N("reset", count_reset(&s)));
    free_all(&s);
    return s.end;
}
