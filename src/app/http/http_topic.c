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
    case 401: return; /* authorize.c has counted it */
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

    if (status == 415)
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

static const char *read_path(struct str path, enum auth_right right, struct http_topics *ret)
{
    if (http_percent_decode(str_skip(path, 1), false, &ret->text) < 0)
        return "the path must be URL-encoded";
    ret->at[0] = buf_str(&ret->text);
    ret->n = 1;
    return find_fault(ret->at[0], right);
}

bool http_topics_are_in_query(const struct http_request *rq)
{
    struct str first;

    return str_eq(rq->path, STR("/")) && http_query_param(rq->query, STR("topic"), &first);
}

static bool has_topic(const struct http_topics *t, struct str topic)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->at[i], topic))
            return true;
    }
    return false;
}

/* A topic that is named twice counts once. The text never moves, because the query is longer. */
static int read_query(struct str query, size_t max, struct http_topics *ret, struct params *p)
{
    struct str name, value;
    int i = 0;

    ret->n = 0;
    (void)buf_reserve(&ret->text, query.n);
    while (http_query_cut(&query, &name, &value)) {
        size_t begin = buf_used(&ret->text);
        struct str topic;

        if (!str_eq(name, STR("topic")))
            continue;
        i++;
        if (http_percent_decode(value, false, &ret->text) < 0)
            return params_fail(p, 400, "topic number %d of the query must be URL-encoded", i);
        topic = str_skip(buf_str(&ret->text), begin);
        if (!filter_is_valid(topic))
            return params_fail(p, 400,
                               "topic number %d of the query must be a valid topic or pattern", i);
        if (has_topic(ret, topic))
            continue;
        if (ret->n == max)
            return params_fail(p, 400, "the query must have at most %zu topics", max);
        ret->at[ret->n++] = topic;
    }
    return EH_OK;
}

static size_t most_topics(const struct conn *c)
{
    uint64_t max = c->worker->context->config->max_subscriptions;

    return max < HTTP_TOPICS_MAX ? (size_t)max : HTTP_TOPICS_MAX;
}

int http_topic_open(struct conn *c, const struct http_request *rq, enum auth_right right,
                    struct http_topics *ret, const char **ret_why)
{
    struct params params = { .json = NULL };
    const char *why = NULL;
    int status = 400;
    int rc = authorize_request(c, rq, (struct str){ NULL, 0 }, &c->auth, ret_why);

    if (rc == EH_EINVAL)
        http_send_unauthorized(c, rq, rc, *ret_why);
    if (rc < 0)
        return rc;
    if (right != AUTH_READ || !http_topics_are_in_query(rq))
        why = read_path(rq->path, right, ret);
    else if (read_query(rq->query, most_topics(c), ret, &params) != EH_OK)
        why = params.why;
    for (size_t i = 0; !why && i < ret->n; i++) {
        if (params_check_right(&params, c->auth, right, ret->at[i]) < 0) {
            status = 403;
            why = params.why;
        }
    }
    if (!why)
        return EH_OK;
    conn_forget_auth(c);
    http_topic_refuse(c, rq, status, why);
    return EH_EINVAL;
}

void http_topics_done(struct http_topics *t)
{
    buf_done(&t->text);
}
