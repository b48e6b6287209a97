/* redis_reply.h - what Redis says, checked and turned into our own terms.
 * Thread:  any; pure. Nothing that comes from Redis is believed: other programs write to it too.
 */
#ifndef EH_BROKER_REDIS_REPLY_H
#define EH_BROKER_REDIS_REPLY_H

#include <stdbool.h>

#include "broker/call.h"

struct redisReply;

bool redis_reply_is_error(const struct redisReply *r);
/* An error of this code, e.g. "READONLY", also where a script's error text quotes it. */
bool redis_reply_has_code(const struct redisReply *r, const char *code);
/* This Redis cannot serve us now (a replica, loading, cut off from its master, no login): another
 * connection, perhaps to another address, may. */
bool redis_reply_needs_reconnect(const struct redisReply *r);
struct str redis_reply_text(const struct redisReply *r); /* of a string, a status or an error */

/* All: EH_EINVAL when the reply is not of the form that our scripts give. */
/* What became of the publish is in ret_id, ret_repeated and ret_retry_ms (0: it was not limited). */
int redis_reply_publish(const struct redisReply *r, struct broker_publish *p) EH_MUST_USE;
int redis_reply_get(const struct redisReply *r, struct broker_kv *kv) EH_MUST_USE;
int redis_reply_set(const struct redisReply *r) EH_MUST_USE;
int redis_reply_delete(const struct redisReply *r, struct broker_kv *kv) EH_MUST_USE;

struct redis_fenced {
    struct msgid last; /* the last id given */
    bool raised;       /* it was below the mark, or absent */
    bool gaps;         /* messages after the mark may be lost */
};
int redis_reply_fence(const struct redisReply *r, struct redis_fenced *ret) EH_MUST_USE;

/* Zero where there is none. */
int redis_reply_probe(const struct redisReply *r, struct msgid *ret_last,
                      struct msgid *ret_log_start) EH_MUST_USE;

/* Fills in what the answer says; *ret_gone are ret_n_gone topics to forget, views into the reply
 * (room for max_gone). On failure *h keeps nothing. */
int redis_reply_history(const struct redisReply *r, struct broker_history *h, struct str *ret_gone,
                        size_t max_gone, size_t *ret_n_gone) EH_MUST_USE;

/* A message of the feed: pmessage, pattern, channel, payload; or message, channel, payload. */
struct redis_push {
    bool is_pattern;
    struct str channel;
    struct str payload;
};
int redis_reply_push(const struct redisReply *r, struct redis_push *ret) EH_MUST_USE;

#endif
