/* http_topic.h - requests for /<topic>: the steps that reading (conn_sse.c) and publishing
 * (http_post.c) share.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_HTTP_TOPIC_H
#define EH_APP_HTTP_TOPIC_H

#include "app/conn/conn.h"

#define HTTP_TOPICS_MAX 100 /* of one stream, each counted once; and at most MAX_SUBSCRIPTIONS */

/* The topics of a request: one, or those of a stream. Views into `text`. */
struct http_topics {
    struct buf text;
    size_t n;
    struct str at[HTTP_TOPICS_MAX];
};

/* Finds the rights of the client, which c->auth then holds, and the topic, which is the decoded
 * path. With AUTH_READ it may be a pattern, and a request for `/` names its topics in its query.
 * EH_EINVAL: the request was answered with 400, 401 or 403. EH_ENOENT: it was not answered, because
 * another try may succeed (app/conn/authorize.h); *ret_why is the reason. */
int http_topic_open(struct conn *c, const struct http_request *rq, enum auth_right right,
                    struct http_topics *ret, const char **ret_why) EH_MUST_USE;
void http_topics_done(struct http_topics *t);
/* Reports whether the request names its topics in its query. */
bool http_topics_are_in_query(const struct http_request *rq);
/* Counts a refusal and answers the request with it. */
void http_topic_refuse(struct conn *c, const struct http_request *rq, int status, const char *why);
void http_topic_count(struct conn *c, int status); /* only counts the refusal */
#define HTTP_TOPIC_UNKNOWN_MAX 8 /* parameters of one query that are named as unknown */

/* Logs that a parameter of the query is ignored. */
void http_topic_log_unknown(const struct conn *c, struct str name);

#endif
