#include "hub/metrics.h"

#include <inttypes.h>
#include <stdbool.h>

#include "proto/json.h"

enum trait {
    GAUGE = 1,  /* otherwise a counter */
    MAX = 2,    /* the largest of the cells; otherwise their sum */
    BARE = 4,   /* a well-known name, without the prefix */
    MILLIS = 8, /* stored in thousandths of the unit shown */
};

struct series {
    const char *name, *label, *value; /* name{label="value"}, or no label */
    const char *help;
    unsigned traits;
};

#define PLAIN(n, t, h)                                                                             \
    {                                                                                              \
        .name = (n), .traits = (t), .help = (h)                                                    \
    }
#define LABELLED(n, l, v, h)                                                                       \
    {                                                                                              \
        .name = (n), .label = (l), .value = (v), .help = (h)                                       \
    }
#define FEED_MESSAGES(v)                                                                           \
    LABELLED("broker_feed_messages_total", "wanted", v,                                            \
             "Live messages received from Redis, by whether a subscription wants them.")
#define FEED_CHANNELS(v)                                                                           \
    {                                                                                              \
        .name = "broker_feed_channels", .label = "kind", .value = (v), .traits = GAUGE,            \
        .help = "Channels of topics that the feed is subscribed to in Redis, by kind."             \
    }
#define CLOSED(v)                                                                                  \
    LABELLED("disconnects_total", "reason", v, "Client connections that ended, by reason.")
#define REFUSED(v) LABELLED("refused_requests_total", "reason", v, "Requests refused, by reason.")
#define TLS(v)     LABELLED("tls_handshakes_total", "kind", v, "TLS handshakes that succeeded.")
#define HELD(v)                                                                                    \
    LABELLED("accept_held_total", "reason", v,                                                     \
             "Times that new connections waited because the server was loaded: with requests for " \
             "history, or because all workers were late.")
#define HISTORY(v)                                                                                 \
    LABELLED("history_requests_total", "outcome", v, "Requests for history, by outcome.")

#define TAIL(v)                                                                                    \
    LABELLED("history_tail_total", "outcome", v,                                                   \
             "Pages of subscriptions that resume, by whether memory had them.")

/* In the order of the output. The series of one family are adjacent. */
static const struct series table[METRIC_COUNT] = {
    [METRIC_WORKERS] = PLAIN("worker_count", GAUGE, "Worker threads."),
    [METRIC_PUBLISHED] = PLAIN("publish_count", 0, "Publishes accepted by the broker."),
    [METRIC_REDIS_FAILS] =
        PLAIN("redis_connection_fail_count", 0, "Connections to Redis that failed."),
    [METRIC_PUBLISH_DELAY_MS] =
        PLAIN("redis_publish_delay_ms", GAUGE | MAX,
              "Milliseconds that the last probe took from its publish to the feed."),
    [METRIC_CONNECTIONS] = PLAIN("current_connections_count", GAUGE, "Client connections now."),
    [METRIC_CONNECTS] = PLAIN("total_connect_count", 0, "Client connections accepted."),
    [METRIC_DISCONNECTS] = PLAIN("total_disconnect_count", 0, "Client connections that ended."),
    [METRIC_LOOP_DELAY_MS] = PLAIN("eventloop_delay_ms", GAUGE | MAX,
                                   "Milliseconds of the longest turn of a worker's event loop."),

    [METRIC_MESSAGES_IN] =
        PLAIN("websocket_messages_received_total", 0, "WebSocket messages received from clients."),
    [METRIC_MESSAGES_FEED] =
        PLAIN("broker_messages_received_total", 0, "Live messages received from the broker."),
    [METRIC_REPEATED] = PLAIN("publish_repeats_total", 0,
                              "Publishes with a known key, answered with the first id."),
    [METRIC_FEED_WANTED] = FEED_MESSAGES("yes"),
    [METRIC_FEED_UNWANTED] = FEED_MESSAGES("no"),
    [METRIC_FEED_NAMES] = FEED_CHANNELS("name"),
    [METRIC_FEED_GLOBS] = FEED_CHANNELS("glob"),
    [METRIC_FEED_OPENS] = PLAIN("broker_feed_opens_total", 0, "Channels subscribed in Redis."),
    [METRIC_FEED_CLOSES] = PLAIN("broker_feed_closes_total", 0, "Channels unsubscribed in Redis."),
    [METRIC_FEED_INVALID] = PLAIN("broker_messages_invalid_total", 0,
                                  "Unreadable messages in the channels of the broker, dropped."),
    [METRIC_FEED_LEGACY] = PLAIN("broker_messages_foreign_total", 0,
                                 "Live messages from a C++ Eventhub with the same Redis prefix."),
    [METRIC_DELIVERIES] = PLAIN("deliveries_total", 0, "Messages queued to subscribers."),
    [METRIC_BYTES_IN] = PLAIN("received_bytes_total", 0, "Bytes received from clients."),
    [METRIC_BYTES_OUT] = PLAIN("sent_bytes_total", 0, "Bytes sent to clients."),
    [METRIC_SENDS] =
        PLAIN("socket_sends_total", 0,
              "Writes to client sockets; deliveries per write show how well they batch."),
    [METRIC_READS_PAUSED] = PLAIN("reads_paused_total", 0,
                                  "Times that reading from a client paused until answers came."),
    [METRIC_OUTPUT_BYTES] =
        PLAIN("output_memory_bytes", GAUGE, "Memory of output that waits to be sent to clients."),
    [METRIC_OUTPUT_LIMIT] =
        PLAIN("output_memory_limit_bytes", GAUGE, "Effective MAX_OUTPUT_MEMORY in bytes."),
    [METRIC_CONNECTIONS_LIMIT] = PLAIN("connections_limit", GAUGE, "Effective MAX_CONNECTIONS."),
    [METRIC_SUBSCRIPTIONS] = PLAIN("subscriptions", GAUGE, "Subscriptions of clients now."),

    [METRIC_CLOSED_CLIENT] = CLOSED("client"),
    [METRIC_CLOSED_ERROR] = CLOSED("error"),
    [METRIC_CLOSED_PROTOCOL] = CLOSED("protocol"),
    [METRIC_CLOSED_TOO_BIG] = CLOSED("too_big"),
    [METRIC_CLOSED_TIMEOUT] = CLOSED("timeout"),
    [METRIC_CLOSED_HANDSHAKE] = CLOSED("handshake_timeout"),
    [METRIC_CLOSED_STALLED] = CLOSED("message_timeout"),
    [METRIC_CLOSED_TLS] = CLOSED("tls_handshake"),
    [METRIC_CLOSED_SLOW] = CLOSED("slow_reader"),
    [METRIC_CLOSED_MEMORY] = CLOSED("output_memory"),
    [METRIC_CLOSED_EXPIRED] = CLOSED("token_expired"),
    [METRIC_CLOSED_SERVER] = CLOSED("server"),
    [METRIC_CLOSED_DRAIN] = CLOSED("drain"),
    [METRIC_CLOSED_RESET] = CLOSED("reset"),

    [METRIC_REFUSED_AUTH] = REFUSED("unauthorized"),
    [METRIC_REFUSED_PROXY] = REFUSED("bad_proxy_header"),
    [METRIC_REFUSED_ORIGIN] = REFUSED("origin"),
    [METRIC_REFUSED_HTTP] = REFUSED("bad_http"),
    [METRIC_REFUSED_PARSE] = REFUSED("parse_error"),
    [METRIC_REFUSED_REQUEST] = REFUSED("invalid_request"),
    [METRIC_REFUSED_METHOD] = REFUSED("unknown_method"),
    [METRIC_REFUSED_PARAMS] = REFUSED("invalid_params"),
    [METRIC_REFUSED_RIGHTS] = REFUSED("not_allowed"),
    [METRIC_REFUSED_BROKER] = REFUSED("broker_unavailable"),
    [METRIC_REFUSED_RATE] = REFUSED("rate_limited"),
    [METRIC_REFUSED_CONNECTIONS] = REFUSED("too_many_connections"),
    [METRIC_REFUSED_PER_IP] = REFUSED("too_many_of_ip"),

    [METRIC_TLS_FULL] = TLS("full"),
    [METRIC_TLS_RESUMED] = TLS("resumed"),

    [METRIC_DEFLATE_IN] =
        PLAIN("deflate_input_bytes_total", 0, "Bytes of messages to clients before compression."),
    [METRIC_DEFLATE_OUT] =
        PLAIN("deflate_output_bytes_total", 0, "Bytes of the same messages after compression."),
    [METRIC_INFLATE_IN] =
        PLAIN("inflate_input_bytes_total", 0, "Bytes of compressed messages from clients."),
    [METRIC_INFLATE_OUT] =
        PLAIN("inflate_output_bytes_total", 0, "Bytes of the same messages after decompression."),
    [METRIC_INFLATE_REFUSED] = PLAIN("inflate_refused_total", 0,
                                     "Compressed messages from clients that were bad or too long."),

    [METRIC_HISTORY_COMPLETE] = HISTORY("complete"),
    [METRIC_HISTORY_INCOMPLETE] = HISTORY("incomplete"),
    [METRIC_HISTORY_FAILED] = HISTORY("failed"),
    [METRIC_TAIL_HITS] = TAIL("hit"),
    [METRIC_TAIL_MISSES] = TAIL("miss"),
    [METRIC_TAIL_BYTES] =
        PLAIN("history_tail_bytes", GAUGE, "Bytes of the last live messages kept in memory."),

    [METRIC_HISTORY_QUESTIONS] =
        PLAIN("redis_history_questions_total", 0, "Pages of history that Redis was asked for."),
    [METRIC_HISTORY_COMMANDS] = PLAIN("redis_history_commands_total", 0,
                                      "Commands to Redis that asked for pages of history."),
    [METRIC_HISTORY_SHARED] =
        PLAIN("redis_history_shared_total", 0,
              "Requests for a page of history that shared the answer to an equal request."),
    [METRIC_PRESENCE_DROPPED] =
        PLAIN("presence_questions_dropped_total", 0,
              "Presence questions of other nodes dropped because too many came at once."),
    [METRIC_REWINDS] =
        PLAIN("broker_rewinds_total", 0, "Times that Redis had lost messages or ids."),
    [METRIC_LINEAGE_BREAKS] = PLAIN("broker_lineage_breaks_total", 0,
                                    "Times that Redis began a new history: a replica took over, "
                                    "or Redis started again."),
    [METRIC_REPLAYS] =
        PLAIN("broker_replays_total", 0,
              "Times that the log was read for missed messages: by the node after an "
              "interruption, or for a worker that was behind."),
    [METRIC_REPLAY_GAPS] = PLAIN("broker_replays_incomplete_total", 0,
                                 "Replays that could not recover all missed messages."),
    [METRIC_REPLAY_ENTRIES] =
        PLAIN("broker_replay_entries_total", 0, "Messages that replays read from the log."),
    [METRIC_LIVE_STALLS] = PLAIN("broker_worker_stalls_total", 0,
                                 "Times that a worker's inbox of live messages was full."),
    [METRIC_BROKER_QUEUE] =
        PLAIN("broker_queue_requests", GAUGE, "Requests to the broker without an answer yet."),
    [METRIC_HISTORY_WAITING] =
        PLAIN("broker_queue_history", GAUGE, "Requests for history that have no answer yet."),
    [METRIC_BROKER_CONNECTED] =
        PLAIN("broker_connected", GAUGE | MAX,
              "1 if the broker is connected and accepts publishes, else 0."),
    [METRIC_REDIS_EVICTS] =
        PLAIN("redis_evicts", GAUGE | MAX,
              "1 if Redis deletes messages when its memory is full (maxmemory-policy), else 0."),
    [METRIC_MASTER_CHANGES] = PLAIN("redis_master_changes_total", 0,
                                    "Times that another Redis became the master of this node."),
    [METRIC_MASTERLESS_MS] =
        PLAIN("redis_masterless_seconds_total", MILLIS,
              "Time without a Redis master that this node knows and has joined."),
    [METRIC_ACCEPT_EXHAUSTED] =
        PLAIN("accept_exhausted_total", 0,
              "Times that no file descriptor was left for a new connection."),
    [METRIC_ACCEPT_PACED] =
        PLAIN("accept_paced_total", 0, "Times that CONNECT_RATE made new connections wait."),
    [METRIC_HELD_HISTORY] = HELD("history"),
    [METRIC_HELD_WORKERS] = HELD("late_workers"),
    [METRIC_ACCEPT_IS_HELD] = PLAIN(
        "accept_held", GAUGE, "1 while new connections wait because the server is loaded, else 0."),
    [METRIC_CERT_EXPIRES_S] =
        PLAIN("certificate_expiry_timestamp_seconds", GAUGE | MAX,
              "End of the TLS certificate's validity, seconds since the epoch; 0 without TLS."),
    [METRIC_CERT_REFUSED] =
        PLAIN("certificate_reloads_refused_total", 0, "Reloads that kept the old TLS certificate."),
    [METRIC_PROCESS_START_S] = PLAIN("process_start_time_seconds", GAUGE | BARE,
                                     "Start of the process, seconds since the epoch."),
    [METRIC_PROCESS_CPU_MS] =
        PLAIN("process_cpu_seconds_total", BARE | MILLIS, "Processor time used, user and system."),
    [METRIC_PROCESS_RSS] = PLAIN("process_resident_memory_bytes", GAUGE | BARE, "Resident memory."),
    [METRIC_PROCESS_FDS] = PLAIN("process_open_fds", GAUGE | BARE, "Open file descriptors."),
    [METRIC_PROCESS_MAX_FDS] =
        PLAIN("process_max_fds", GAUGE | BARE, "Limit on open file descriptors."),
    [METRIC_LOG_DROPPED] = PLAIN("log_lines_dropped_total", 0,
                                 "Log lines dropped because stderr did not accept them."),
};

static const struct {
    const char *name, *help;
    bool is_size; /* else a time */
} histograms[METRIC_HISTOGRAM_COUNT] = {
    [METRIC_BROKER_SECONDS] = { "broker_request_duration_seconds",
                                "Time from a request to the broker to its answer.", false },
    [METRIC_DELIVERY_SECONDS] = { "delivery_duration_seconds",
                                  "Time from a message's id to the subscriber's queue.", false },
    [METRIC_REPLAY_SECONDS] = { "broker_replay_duration_seconds",
                                "Time that a replay took until live messages went on.", false },
    [METRIC_REDIS_BATCH] = { "redis_publish_batch_size",
                             "Publishes that one command to Redis carries.", true },
};

#define FIRST_BOUND_US 500 /* each bound is twice the one before */

static const char *const bounds[][METRIC_BUCKETS] = {
    { "0.0005", "0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.064", "0.128", "0.256",
      "0.512", "1.024", "2.048", "+Inf" },
    { "1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "1024", "2048", "4096", "+Inf" },
};

static void cell_add(_Atomic uint64_t *cell, uint64_t n) /* owner only, like metrics_add */
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);

    atomic_store_explicit(cell, old + n, memory_order_relaxed);
}

static void observe(struct metrics_cell *c, enum metric_histogram h, uint64_t value,
                    uint64_t first_bound, uint64_t times)
{
    unsigned i = 0;

    while (i < METRIC_BUCKETS - 1 && value > first_bound << i)
        i++;
    cell_add(&c->bucket[h][i], times);
    cell_add(&c->sum[h], value * times);
}

void metrics_observe_us(struct metrics_cell *c, enum metric_histogram h, uint64_t us,
                        uint64_t times)
{
    observe(c, h, us, FIRST_BOUND_US, times);
}

void metrics_observe_size(struct metrics_cell *c, enum metric_histogram h, uint64_t size)
{
    observe(c, h, size, 1, 1);
}

/* ---- sums over the cells ---- */

struct observed {
    uint64_t upto[METRIC_BUCKETS]; /* cumulative; the last is the count */
    uint64_t sum;
};

/* Sums are modulo 2^64, so that a gauge may go up in one cell and down in another. */
static uint64_t total(const struct metrics_source *src, enum metric m)
{
    uint64_t result = 0;

    for (size_t i = 0; i < src->n_cells; i++) {
        uint64_t v = metrics_get(src->cells[i], m);

        if (!(table[m].traits & MAX))
            result += v;
        else if (v > result)
            result = v;
    }
    return result;
}

static struct observed observed(const struct metrics_source *src, enum metric_histogram h)
{
    struct observed o = { 0 };

    for (size_t i = 0; i < src->n_cells; i++) {
        const struct metrics_cell *c = src->cells[i];

        for (size_t b = 0; b < METRIC_BUCKETS; b++)
            o.upto[b] += atomic_load_explicit(&c->bucket[h][b], memory_order_relaxed);
        o.sum += atomic_load_explicit(&c->sum[h], memory_order_relaxed);
    }
    for (size_t b = 1; b < METRIC_BUCKETS; b++)
        o.upto[b] += o.upto[b - 1];
    return o;
}

static void add_value(struct buf *out, const struct metrics_source *src, enum metric m)
{
    uint64_t v = total(src, m);

    if (table[m].traits & MILLIS)
        buf_addf(out, "%" PRIu64 ".%03u", v / 1000, (unsigned)(v % 1000));
    else
        buf_addf(out, "%" PRId64, (int64_t)v);
}

static void add_seconds(struct buf *out, uint64_t us)
{
    buf_addf(out, "%" PRIu64 ".%06u", us / 1000000, (unsigned)(us % 1000000));
}

static bool same_family(enum metric a, enum metric b)
{
    return strcmp(table[a].name, table[b].name) == 0;
}

static bool begins_family(enum metric m)
{
    return m == 0 || !same_family(m, m - 1);
}

static bool ends_family(enum metric m)
{
    return m + 1 == METRIC_COUNT || !same_family(m, m + 1);
}

/* ---- Prometheus ---- */

static void add_name(struct buf *out, struct str prefix, const char *name)
{
    if (prefix.n) {
        buf_add_str(out, prefix);
        buf_add_char(out, '_');
    }
    buf_add_str(out, str_of(name));
}

static void add_head(struct buf *out, struct str prefix, const char *name, const char *help,
                     const char *type)
{
    buf_add_str(out, STR("# HELP "));
    add_name(out, prefix, name);
    buf_addf(out, " %s\n# TYPE ", help);
    add_name(out, prefix, name);
    buf_addf(out, " %s\n", type);
}

static void series_prometheus(struct buf *out, const struct metrics_source *src, enum metric m)
{
    const struct series *s = &table[m];
    struct str prefix = s->traits & BARE ? STR("") : src->prefix;

    if (begins_family(m))
        add_head(out, prefix, s->name, s->help, s->traits & GAUGE ? "gauge" : "counter");
    add_name(out, prefix, s->name);
    if (s->label)
        buf_addf(out, "{%s=\"%s\"}", s->label, s->value);
    buf_add_char(out, ' ');
    add_value(out, src, m);
    buf_add_char(out, '\n');
}

static void add_sum(struct buf *out, enum metric_histogram h, uint64_t sum)
{
    if (histograms[h].is_size)
        buf_addf(out, "%" PRIu64, sum);
    else
        add_seconds(out, sum);
}

static void histogram_prometheus(struct buf *out, const struct metrics_source *src,
                                 enum metric_histogram h)
{
    const char *name = histograms[h].name;
    struct observed o = observed(src, h);

    add_head(out, src->prefix, name, histograms[h].help, "histogram");
    for (size_t b = 0; b < METRIC_BUCKETS; b++) {
        add_name(out, src->prefix, name);
        buf_addf(out, "_bucket{le=\"%s\"} %" PRIu64 "\n", bounds[histograms[h].is_size][b],
                 o.upto[b]);
    }
    add_name(out, src->prefix, name);
    buf_add_str(out, STR("_sum "));
    add_sum(out, h, o.sum);
    buf_add_char(out, '\n');
    add_name(out, src->prefix, name);
    buf_addf(out, "_count %" PRIu64 "\n", o.upto[METRIC_BUCKETS - 1]);
}

static void info_prometheus(struct buf *out, struct str prefix, const char *name, const char *label,
                            struct str value)
{
    add_name(out, prefix, name);
    buf_addf(out, "{%s=", label);
    json_add_string(out, value); /* JSON escapes everything that a label value must */
    buf_addf(out, "} %d\n", value.n > 0);
}

void metrics_write_prometheus(const struct metrics_source *src, struct buf *out)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        series_prometheus(out, src, m);
    for (enum metric_histogram h = 0; h < METRIC_HISTOGRAM_COUNT; h++)
        histogram_prometheus(out, src, h);
    add_head(out, src->prefix, "redis_master_info",
             "The Redis master that this node uses: 1, or 0 if it knows none.", "gauge");
    info_prometheus(out, src->prefix, "redis_master_info", "address", src->master);
    add_head(out, src->prefix, "build_info", "The version that runs; always 1.", "gauge");
    info_prometheus(out, src->prefix, "build_info", "version", src->version);
}

/* ---- JSON ---- */

void metrics_write_json(const struct metrics_source *src, struct buf *out)
{
    buf_add_char(out, '{');
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct series *s = &table[m];

        if (begins_family(m))
            buf_addf(out, s->label ? "\"%s\":{" : "\"%s\":", s->name);
        if (s->label)
            buf_addf(out, "\"%s\":", s->value);
        add_value(out, src, m);
        if (s->label && ends_family(m))
            buf_add_char(out, '}');
        buf_add_char(out, ',');
    }
    for (enum metric_histogram h = 0; h < METRIC_HISTOGRAM_COUNT; h++) {
        struct observed o = observed(src, h);

        buf_addf(out, "\"%s\":{\"count\":%" PRIu64 ",\"sum\":", histograms[h].name,
                 o.upto[METRIC_BUCKETS - 1]);
        add_sum(out, h, o.sum);
        buf_add_str(out, STR("},"));
    }
    buf_add_str(out, STR("\"redis_master_info\":{\"address\":"));
    json_add_string(out, src->master);
    buf_add_str(out, STR("},\"build_info\":{\"version\":"));
    json_add_string(out, src->version);
    buf_add_str(out, STR("}}"));
}
