/* http_topic.h - requests for /<topic>: the steps that reading (conn_sse.c) and publishing
 * (http_post.c) share.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_HTTP_TOPIC_H
#define EH_APP_HTTP_TOPIC_H

#include "app/conn/conn.h"

/* Finds the rights of the client, which c->auth then holds, and the topic, which is the decoded
 * path; with AUTH_READ it may be a pattern. EH_EINVAL: the request was answered with 400, 401 or
 * 403. */
int http_topic_open(struct conn *c, const struct http_request *rq, enum auth_right right,
                    struct buf *ret_topic) EH_MUST_USE;
/* Counts a refusal and answers the request with it. */
void http_topic_refuse(struct conn *c, const struct http_request *rq, int status, const char *why);
void http_topic_count(struct conn *c, int status); /* only counts the refusal */
#define HTTP_TOPIC_UNKNOWN_MAX 8 /* parameters of one query that are named as unknown */

/* Logs that a parameter of the query is ignored. */
void http_topic_log_unknown(const struct conn *c, struct str name);

#endif
