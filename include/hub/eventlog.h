/* eventlog.h - what part of the log a request asks for (docs/protocol.md, section 4).
 * Thread:  any; pure. The broker answers a query page by page (broker/broker.h).
 */
#ifndef EH_HUB_EVENTLOG_H
#define EH_HUB_EVENTLOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/msgid.h"

/* From where on. */
struct eventlog_point {
    enum {
        EVENTLOG_NONE,  /* no history asked for */
        EVENTLOG_AFTER, /* what came after `id` */
        EVENTLOG_SINCE, /* what has a time >= since (ms since the epoch; negative: that many ms ago,
                           which the broker resolves with its own clock) */
    } kind;
    struct msgid id;
    int64_t since;
};

struct eventlog_request {
    struct eventlog_point from;
    uint32_t limit; /* 0: none given */
};

/* Reads `since`, `sinceEventId` and `limit` from the params of subscribe or eventlog (NULL: none).
 * `since`: a number is ms (cut to an integer, held within +-2^53, exact wherever it goes), 0 is
 * none; a string is an id, as sinceEventId. Both at once: sinceEventId counts. JSON null counts as
 * absent, and so does an empty id, as in C++ Eventhub. limit is an integer >= 1, cut to max_limit,
 * which is not 0. EH_EINVAL: *ret_why (static text) names the parameter. */
int eventlog_request_read(const json_t *params, uint32_t max_limit, struct eventlog_request *ret,
                          const char **ret_why) EH_MUST_USE;

/* The time that `since` compares with: the publisher's timestamp if it is within -7 days and
 * +1 minute of the broker's clock, else the id's ms. */
#define EVENTLOG_TIMESTAMP_PAST_MS   (7ull * 24 * 3600 * 1000)
#define EVENTLOG_TIMESTAMP_FUTURE_MS (60ull * 1000)
bool eventlog_timestamp_is_usable(int64_t timestamp_ms, uint64_t now_ms);

#endif
