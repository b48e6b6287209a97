#include "app/http/http_topic.h"

#include "app/conn/authorize.h"
#include "app/http/http_answer.h"
#include "app/rpc/params.h"
#include "base/log.h"
#include "hub/topic.h"

void http_topic_count(struct conn *c, int status)
{
    enum metric reason = METRIC_REFUSED_PARAMS;

    switch (status) {
    case 401: return; /* authorize_request has counted it */
    case 403: reason = METRIC_REFUSED_RIGHTS; break;
    case 404:
    case 405: reason = METRIC_REFUSED_METHOD; break;
    case 413: reason = METRIC_REFUSED_HTTP; break;
    case 501: reason = METRIC_REFUSED_METHOD; break;
    case 503: reason = METRIC_REFUSED_BROKER; break;
    }
    metrics_inc(c->worker->metrics, reason);
}

void http_topic_refuse(struct conn *c, const struct http_request *rq, int status, const char *why)
{
    struct str extra = STR(""); /* says what would be accepted */

    if (status == 401)
        extra = STR("WWW-Authenticate: Bearer\r\n");
    else if (status == 415)
        extra = STR("Accept-Encoding: identity\r\n"); /* RFC 9110 15.5.16 */
    http_topic_count(c, status);
    http_send_error(c, rq, status, why, extra);
}

void http_topic_log_unknown(const struct conn *c, struct str name)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_debug("unknown_parameter", LOG_Z("peer", peer), LOG_S("name", name));
}

static const char *find_fault(struct str topic, enum auth_right right)
{
    if (topic_is_valid(topic) || (right == AUTH_READ && pattern_is_valid(topic)))
        return NULL;
    return right == AUTH_READ ? "the path must be a valid topic or pattern"
                              : "the path must be a valid topic";
}

int http_topic_open(struct conn *c, const struct http_request *rq, enum auth_right right,
                    struct buf *ret_topic)
{
    struct params params = { .json = NULL };
    const char *why = NULL;
    int status = 401;

    if (authorize_request(c, rq, (struct str){ NULL, 0 }, &c->auth, &why) == EH_OK) {
        status = 400;
        why = http_percent_decode(str_skip(rq->path, 1), false, ret_topic) == EH_OK
                  ? find_fault(buf_str(ret_topic), right)
                  : "the path must be URL-encoded";
    }
    if (!why && params_check_right(&params, c->auth, right, buf_str(ret_topic)) < 0) {
        status = 403;
        why = params.why;
    }
    if (!why)
        return EH_OK;
    conn_forget_auth(c);
    http_topic_refuse(c, rq, status, why);
    return EH_EINVAL;
}
