/* metrics.h - counters, gauges and histograms of each thread, summed on demand.
 * Thread:  the thread that owns a cell writes it, and any thread may read it (relaxed atomics: a
 *          scrape may be slightly behind, but is never torn). metrics_write_* sums the cells,
 *          except that a gauge marked "max" is the largest of them.
 * Names:   in the table of metrics.c: first the eight of the C++ Eventhub, then ours, which follow
 *          the Prometheus conventions.
 */
#ifndef EH_HUB_METRICS_H
#define EH_HUB_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum metric {
    /* the names of the C++ Eventhub, which have no `_total` */
    METRIC_WORKERS,          /* worker_count, gauge */
    METRIC_PUBLISHED,        /* publish_count: publishes accepted by the broker */
    METRIC_REDIS_FAILS,      /* redis_connection_fail_count */
    METRIC_PUBLISH_DELAY_MS, /* redis_publish_delay_ms: gauge, from publish to feed; max */
    METRIC_CONNECTIONS,      /* current_connections_count, gauge */
    METRIC_CONNECTS,         /* total_connect_count */
    METRIC_DISCONNECTS,      /* total_disconnect_count */
    METRIC_LOOP_DELAY_MS,    /* eventloop_delay_ms: gauge, the longest turn of a worker; max */
    /* ours */
    METRIC_MESSAGES_IN,         /* websocket_messages_received_total: from clients */
    METRIC_MESSAGES_FEED,       /* broker_messages_received_total: live messages from the broker */
    METRIC_REPEATED,            /* publish_repeats_total: answered with the first one's id */
    METRIC_FEED_WANTED,         /* broker_feed_messages_total{wanted="yes"}: from Redis */
    METRIC_FEED_UNWANTED,       /* ... {wanted="no"}: a channel is wider than what is wanted */
    METRIC_FEED_NAMES,          /* broker_feed_channels{kind="name"}: subscribed now */
    METRIC_FEED_GLOBS,          /* ... {kind="glob"} */
    METRIC_FEED_OPENS,          /* broker_feed_opens_total: channels subscribed */
    METRIC_FEED_CLOSES,         /* broker_feed_closes_total: channels unsubscribed */
    METRIC_FEED_INVALID,        /* broker_messages_invalid_total: unreadable ones, dropped */
    METRIC_FEED_LEGACY,         /* broker_messages_foreign_total: from a C++ Eventhub */
    METRIC_DELIVERIES,          /* deliveries_total: messages queued to subscribers */
    METRIC_BYTES_IN,            /* received_bytes_total */
    METRIC_BYTES_OUT,           /* sent_bytes_total */
    METRIC_SENDS,               /* socket_sends_total: system calls, or TLS records */
    METRIC_READS_PAUSED,        /* reads_paused_total: a client had too much in progress */
    METRIC_OUTPUT_BYTES,        /* output_memory_bytes, gauge: output waiting for clients */
    METRIC_OUTPUT_LIMIT,        /* output_memory_limit_bytes, gauge: MAX_OUTPUT_MEMORY */
    METRIC_CONNECTIONS_LIMIT,   /* connections_limit, gauge: MAX_CONNECTIONS */
    METRIC_SUBSCRIPTIONS,       /* subscriptions, gauge */
    METRIC_CLOSED_CLIENT,       /* disconnects_total{reason="client"}: the peer closed */
    METRIC_CLOSED_ERROR,        /* {reason="error"}: the socket failed */
    METRIC_CLOSED_PROTOCOL,     /* {reason="protocol"}: 1002, 1003, 1007, bad HTTP */
    METRIC_CLOSED_TOO_BIG,      /* {reason="too_big"}: 1009 */
    METRIC_CLOSED_TIMEOUT,      /* {reason="timeout"}: silent for two ping intervals */
    METRIC_CLOSED_HANDSHAKE,    /* {reason="handshake_timeout"} */
    METRIC_CLOSED_STALLED,      /* {reason="message_timeout"}: 1008, never completed */
    METRIC_CLOSED_TLS,          /* {reason="tls_handshake"}: the handshake failed */
    METRIC_CLOSED_SLOW,         /* {reason="slow_reader"}: 1013 */
    METRIC_CLOSED_MEMORY,       /* {reason="output_memory"}: 1013, MAX_OUTPUT_MEMORY */
    METRIC_CLOSED_EXPIRED,      /* {reason="token_expired"}: 1008 */
    METRIC_CLOSED_OPERATOR,     /* {reason="operator"}: 1008, by the control API */
    METRIC_CLOSED_SERVER,       /* {reason="server"}: after an answer, disconnect */
    METRIC_CLOSED_DRAIN,        /* {reason="drain"}: 1001 */
    METRIC_CLOSED_RESET,        /* {reason="reset"}: still open when the drain ended */
    METRIC_REFUSED_AUTH,        /* refused_requests_total{reason="unauthorized"}: 401 */
    METRIC_REFUSED_REVOKED,     /* {reason="revoked"}: 401 */
    METRIC_REFUSED_KEYS,        /* {reason="keys_unavailable"}: 503, JWT_JWKS_URL */
    METRIC_REFUSED_PROXY,       /* {reason="bad_proxy_header"}: PROXY_PROTOCOL */
    METRIC_REFUSED_ORIGIN,      /* {reason="origin"}: 403, ALLOWED_ORIGINS */
    METRIC_REFUSED_HTTP,        /* {reason="bad_http"} */
    METRIC_REFUSED_PARSE,       /* {reason="parse_error"}: -32700 */
    METRIC_REFUSED_REQUEST,     /* {reason="invalid_request"}: -32600 */
    METRIC_REFUSED_METHOD,      /* {reason="unknown_method"}: -32601 */
    METRIC_REFUSED_PARAMS,      /* {reason="invalid_params"}: -32602 */
    METRIC_REFUSED_RIGHTS,      /* {reason="not_allowed"} */
    METRIC_REFUSED_BROKER,      /* {reason="broker_unavailable"}: -32603 */
    METRIC_REFUSED_RATE,        /* {reason="rate_limited"}: above the token's limit */
    METRIC_REFUSED_CONNECTIONS, /* {reason="too_many_connections"}: closed on arrival */
    METRIC_REFUSED_PER_IP,   /* {reason="too_many_of_ip"}: MAX_CONNECTIONS_PER_IP; closed, or 429 */
    METRIC_TLS_FULL,         /* tls_handshakes_total{kind="full"} */
    METRIC_TLS_RESUMED,      /* {kind="resumed"} */
    METRIC_DEFLATE_IN,       /* deflate_input_bytes_total: each message once per worker */
    METRIC_DEFLATE_OUT,      /* deflate_output_bytes_total */
    METRIC_INFLATE_IN,       /* inflate_input_bytes_total: compressed, from clients */
    METRIC_INFLATE_OUT,      /* inflate_output_bytes_total */
    METRIC_INFLATE_REFUSED,  /* inflate_refused_total: bad or too long, 1007 or 1009 */
    METRIC_HISTORY_COMPLETE, /* history_requests_total{outcome="complete"}: recovered true */
    METRIC_HISTORY_INCOMPLETE, /* {outcome="incomplete"} */
    METRIC_HISTORY_FAILED,     /* {outcome="failed"} */
    METRIC_TAIL_HITS,          /* history_tail_total{outcome="hit"}: without Redis */
    METRIC_TAIL_MISSES,        /* {outcome="miss"} */
    METRIC_TAIL_BYTES,         /* history_tail_bytes, gauge */
    METRIC_HISTORY_QUESTIONS,  /* redis_history_questions_total: pages asked for */
    METRIC_HISTORY_COMMANDS,   /* redis_history_commands_total: that carried them */
    METRIC_HISTORY_SHARED,     /* redis_history_shared_total: pages taken from an equal question */
    METRIC_PRESENCE_DROPPED,   /* presence_questions_dropped_total: too many of them */
    METRIC_CONTROL,            /* control_requests_total: of the control API, that were executed */
    METRIC_REWINDS,            /* broker_rewinds_total: the ids went backwards */
    METRIC_LINEAGE_BREAKS,     /* broker_lineage_breaks_total: another history of Redis */
    METRIC_REPLAYS,            /* broker_replays_total: missed messages read from the log */
    METRIC_REPLAY_GAPS,        /* broker_replays_incomplete_total: some were gone */
    METRIC_REPLAY_ENTRIES,     /* broker_replay_entries_total: read from the log */
    METRIC_LIVE_STALLS,        /* broker_worker_stalls_total: a worker's inbox was full */
    METRIC_BROKER_QUEUE,       /* broker_queue_requests, gauge: not yet answered */
    METRIC_HISTORY_WAITING,    /* broker_queue_history, gauge: those that ask for history */
    METRIC_BROKER_CONNECTED,   /* broker_connected, gauge: 1 or 0; max */
    METRIC_REDIS_EVICTS,       /* redis_evicts, gauge: 1 or 0; max */
    METRIC_MASTER_CHANGES,     /* redis_master_changes_total: after the first master */
    METRIC_MASTERLESS_MS,      /* redis_masterless_seconds_total: no joined master; kept in ms */
    METRIC_ACCEPT_EXHAUSTED,   /* accept_exhausted_total: no descriptors left */
    METRIC_ACCEPT_PACED,       /* accept_paced_total: CONNECT_RATE made connections wait */
    METRIC_HELD_HISTORY,       /* accept_held_total{reason="history"}: connections waited */
    METRIC_HELD_WORKERS,       /* {reason="late_workers"} */
    METRIC_ACCEPT_IS_HELD,     /* accept_held, gauge: 1 while they wait */
    METRIC_CERT_EXPIRES_S,     /* certificate_expiry_timestamp_seconds, gauge; 0: no TLS */
    METRIC_CERT_REFUSED,       /* certificate_reloads_refused_total: the old one was kept */
    METRIC_REVOKED,            /* revoked_tokens, gauge: entries of the table of revoked tokens */
    METRIC_TOKEN_KEYS,         /* token_keys, gauge: keys that verify tokens */
    METRIC_KEYS_REFUSED,       /* token_key_reloads_refused_total: the old ones were kept */
    METRIC_TOPICS_REFUSED,     /* topic_settings_reloads_refused_total: the old ones were kept */
    METRIC_JWKS_FETCHED,       /* jwks_fetches_total{outcome="ok"} */
    METRIC_JWKS_FAILED,        /* {outcome="failed"} */
    METRIC_PROCESS_START_S,    /* process_start_time_seconds, gauge; no prefix */
    METRIC_PROCESS_CPU_MS,     /* process_cpu_seconds_total; no prefix; kept in ms */
    METRIC_PROCESS_RSS,        /* process_resident_memory_bytes, gauge; no prefix */
    METRIC_PROCESS_FDS,        /* process_open_fds, gauge; no prefix */
    METRIC_PROCESS_MAX_FDS,    /* process_max_fds, gauge; no prefix */
    METRIC_LOG_DROPPED,        /* log_lines_dropped_total */
    METRIC_COUNT
};

enum metric_histogram {
    METRIC_BROKER_SECONDS,   /* broker_request_duration_seconds: from post to answer */
    METRIC_DELIVERY_SECONDS, /* delivery_duration_seconds: from the ms of the message's id, by the
                                broker's clock, to the subscriber's queue; only as accurate as the
                                clocks are synchronized */
    METRIC_REDIS_BATCH,      /* redis_publish_batch_size: publishes in one command */
    METRIC_REPLAY_SECONDS,   /* broker_replay_duration_seconds: until all is live again */
    METRIC_HISTOGRAM_COUNT
};

#define METRIC_BUCKETS                                                                             \
    14 /* upper bounds 0.5 ms, doubling, to 2.048 s, and +Inf; of sizes 1 to 4096 */

struct metrics_cell {
    _Atomic uint64_t value[METRIC_COUNT];
    _Atomic uint64_t bucket[METRIC_HISTOGRAM_COUNT][METRIC_BUCKETS];
    _Atomic uint64_t sum[METRIC_HISTOGRAM_COUNT]; /* in us, or of the sizes */
};

static inline uint64_t metrics_get(const struct metrics_cell *c, enum metric m)
{
    return atomic_load_explicit(&c->value[m], memory_order_relaxed);
}

static inline void metrics_set(struct metrics_cell *c, enum metric m, uint64_t v)
{
    atomic_store_explicit(&c->value[m], v, memory_order_relaxed);
}

/* Called by the owner only, so a plain load and store suffice. delta may be negative for gauges. */
static inline void metrics_add(struct metrics_cell *c, enum metric m, int64_t delta)
{
    metrics_set(c, m, metrics_get(c, m) + (uint64_t)delta);
}

static inline void metrics_inc(struct metrics_cell *c, enum metric m)
{
    metrics_add(c, m, 1);
}

/* Observes the value us `times` times, as for a message to that many subscribers. */
void metrics_observe_us(struct metrics_cell *c, enum metric_histogram h, uint64_t us,
                        uint64_t times);

/* The same for a histogram of sizes. */
void metrics_observe_size(struct metrics_cell *c, enum metric_histogram h, uint64_t size);

struct metrics_source {
    struct metrics_cell *const *cells;
    size_t n_cells;
    struct str prefix;  /* PROMETHEUS_METRIC_PREFIX; if empty, names have no underscore either */
    struct str version; /* the label of build_info, whose value is always 1 */
    struct str master;  /* the label of redis_master_info; empty: none, and the value is 0 */
};

/* Writes Prometheus text format 0.0.4, with HELP and TYPE for each family. */
void metrics_write_prometheus(const struct metrics_source *src, struct buf *out);
/* Writes the same figures as one JSON object, with names that have no prefix. A labelled family is
 * an object of label values and numbers, a histogram {"buckets":{bound:n},"count":n,"sum":s} whose
 * buckets are cumulative, build_info {"version":v}, redis_master_info {"address":a}. */
void metrics_write_json(const struct metrics_source *src, struct buf *out);

#endif
