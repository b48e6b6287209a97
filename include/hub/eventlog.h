/* eventlog.h - reads which part of the log a request asks for (docs/protocol.md, section 4).
 * Thread:  any; pure. The broker answers a query page by page (broker/broker.h).
 */
#ifndef EH_HUB_EVENTLOG_H
#define EH_HUB_EVENTLOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/msgid.h"

/* The point where history begins. */
struct eventlog_point {
    enum {
        EVENTLOG_NONE,   /* no history */
        EVENTLOG_AFTER,  /* messages after `id` */
        EVENTLOG_SINCE,  /* messages whose time is >= since (ms since the epoch; negative: that many
                           ms ago, by the broker's clock) */
        EVENTLOG_LATEST, /* the newest message of each topic */
    } kind;
    struct msgid id;
    int64_t since;
};

struct eventlog_request {
    struct eventlog_point from;
    uint32_t limit; /* 0: not given */
};

/* Reads `since`, `sinceEventId` and `limit` from the params of subscribe or eventlog (NULL: none).
 * A number in `since` is ms, truncated to an integer and clamped to +-(2^53 - 1), which every
 * reader represents exactly; 0 means none. A string in `since` is an id, like sinceEventId. If both
 * are given, sinceEventId counts. JSON null counts as absent, and so does an empty id, as in the
 * C++ Eventhub. limit is an integer >= 1, lowered to max_limit, which is not 0. EH_EINVAL: *ret_why
 * (static text) names the parameter. */
int eventlog_request_read(const json_t *params, uint32_t max_limit, struct eventlog_request *ret,
                          const char **ret_why) EH_MUST_USE;

/* The same for a subscription, which may ask for `latest` instead (null or false: it does not). It
 * must not ask for history in another way as well. */
int eventlog_subscription_read(const json_t *params, uint32_t max_limit,
                               struct eventlog_request *ret, const char **ret_why) EH_MUST_USE;

/* `since` is compared with the publisher's timestamp if that is usable: from 7 days before to 1
 * minute after the broker's clock. Otherwise it is compared with the ms of the id. */
#define EVENTLOG_TIMESTAMP_PAST_MS   (7ull * 24 * 3600 * 1000)
#define EVENTLOG_TIMESTAMP_FUTURE_MS (60ull * 1000)
bool eventlog_timestamp_is_usable(int64_t timestamp_ms, uint64_t now_ms);

#endif
