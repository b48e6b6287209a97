#include "hub/metrics_table.h"

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
#define JWKS(v)    LABELLED("jwks_fetches_total", "outcome", v, "Fetches of JWT_JWKS_URL.")
#define HELD(v)                                                                                    \
    LABELLED("accept_held_total", "reason", v,                                                     \
             "Times that new connections waited because the server was loaded: with requests for " \
             "history, or because all workers were late.")
#define HISTORY(v)                                                                                 \
    LABELLED("history_requests_total", "outcome", v, "Requests for history, by outcome.")

#define TAIL(v)                                                                                    \
    LABELLED("history_tail_total", "outcome", v,                                                   \
             "Pages of subscriptions that resume, by whether memory had them.")

const struct metric_series metrics_table[METRIC_COUNT] = {
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
    [METRIC_CLOSED_OPERATOR] = CLOSED("operator"),
    [METRIC_CLOSED_SERVER] = CLOSED("server"),
    [METRIC_CLOSED_DRAIN] = CLOSED("drain"),
    [METRIC_CLOSED_RESET] = CLOSED("reset"),

    [METRIC_REFUSED_AUTH] = REFUSED("unauthorized"),
    [METRIC_REFUSED_REVOKED] = REFUSED("revoked"),
    [METRIC_REFUSED_KEYS] = REFUSED("keys_unavailable"),
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
    [METRIC_CONTROL] = PLAIN("control_requests_total", 0,
                             "Requests of the control API (/api/) that were executed."),
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
    [METRIC_REVOKED] = PLAIN("revoked_tokens", GAUGE,
                             "Entries of the table of revoked tokens, of at most 100,000."),
    [METRIC_TOKEN_KEYS] = PLAIN("token_keys", GAUGE, "Keys that verify tokens."),
    [METRIC_KEYS_REFUSED] =
        PLAIN("token_key_reloads_refused_total", 0, "Reloads that kept the old keys of tokens."),
    [METRIC_TOPICS_REFUSED] = PLAIN("topic_settings_reloads_refused_total", 0,
                                    "Reloads that kept the old settings of topics."),
    [METRIC_JWKS_FETCHED] = JWKS("ok"),
    [METRIC_JWKS_FAILED] = JWKS("failed"),
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
