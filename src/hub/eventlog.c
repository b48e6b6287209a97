#include "hub/eventlog.h"

#include <assert.h>

#include "base/str.h"
#include "proto/json.h"

/* Every JSON reader, and Lua, represents it exactly. It is some 285,000 years. */
#define SINCE_MAX ((INT64_C(1) << 53) - 1)

/* Reports whether a parameter is given, that is, neither absent nor null nor, as in the C++
 * Eventhub, an empty string. */
static bool is_given(const json_t *v)
{
    return v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0);
}

static int read_id(const json_t *v, struct eventlog_point *ret)
{
    struct msgid id;

    EH_TRY(msgid_parse(json_text(v), &id));
    *ret = (struct eventlog_point){ .kind = EVENTLOG_AFTER, .id = id };
    return EH_OK;
}

static int read_since(const json_t *v, struct eventlog_point *ret, const char **ret_why)
{
    const double most = (double)SINCE_MAX;
    double ms = json_number_value(v); /* exact up to SINCE_MAX */

    if (json_is_number(v)) {
        int64_t since = (int64_t)(ms > most ? most : ms < -most ? -most : ms);

        *ret = (struct eventlog_point){ .kind = since ? EVENTLOG_SINCE : EVENTLOG_NONE,
                                        .since = since };
        return EH_OK;
    }
    if (json_is_string(v) && read_id(v, ret) == EH_OK)
        return EH_OK;
    *ret_why = "since must be a number of milliseconds or a message id";
    return EH_EINVAL;
}

static int read_since_event_id(const json_t *v, struct eventlog_point *ret, const char **ret_why)
{
    if (json_is_string(v) && read_id(v, ret) == EH_OK)
        return EH_OK;
    *ret_why = "sinceEventId must be a message id such as \"1574843571767-0\"";
    return EH_EINVAL;
}

static int read_limit(const json_t *v, uint32_t max_limit, uint32_t *ret, const char **ret_why)
{
    /* To ask for no limit, a client may give the largest number that it knows, which is beyond 64
     * bits. */
    bool is_huge = json_is_real(v) && json_real_value(v) >= 0x1p63;
    int64_t limit = INT64_MAX;

    if ((!is_huge && !json_whole_number(v, &limit)) || limit < 1) {
        *ret_why = "limit must be an integer of at least 1";
        return EH_EINVAL;
    }
    *ret = limit < max_limit ? (uint32_t)limit : max_limit;
    return EH_OK;
}

int eventlog_request_read(const json_t *params, uint32_t max_limit, struct eventlog_request *ret,
                          const char **ret_why)
{
    const json_t *since = json_object_get(params, "since");
    const json_t *since_id = json_object_get(params, "sinceEventId");
    const json_t *limit = json_object_get(params, "limit");
    struct eventlog_request req = { .from = { .kind = EVENTLOG_NONE } };

    assert(max_limit > 0);
    if (is_given(since))
        EH_TRY(read_since(since, &req.from, ret_why));
    if (is_given(since_id))
        EH_TRY(read_since_event_id(since_id, &req.from, ret_why));
    if (limit && !json_is_null(limit))
        EH_TRY(read_limit(limit, max_limit, &req.limit, ret_why));
    *ret = req;
    return EH_OK;
}

int eventlog_subscription_read(const json_t *params, uint32_t max_limit,
                               struct eventlog_request *ret, const char **ret_why)
{
    const json_t *latest = json_object_get(params, "latest");

    EH_TRY(eventlog_request_read(params, max_limit, ret, ret_why));
    if (!latest || json_is_null(latest) || json_is_false(latest))
        return EH_OK;
    if (!json_is_true(latest)) {
        *ret_why = "latest must be true or false";
        return EH_EINVAL;
    }
    if (ret->from.kind != EVENTLOG_NONE || ret->limit) {
        *ret_why = "latest must not be combined with since, sinceEventId or limit";
        return EH_EINVAL;
    }
    ret->from.kind = EVENTLOG_LATEST;
    return EH_OK;
}

bool eventlog_timestamp_is_usable(int64_t timestamp_ms, uint64_t now_ms)
{
    uint64_t at = (uint64_t)timestamp_ms;

    return timestamp_ms > 0 && at + EVENTLOG_TIMESTAMP_PAST_MS >= now_ms &&
           at <= now_ms + EVENTLOG_TIMESTAMP_FUTURE_MS;
}
