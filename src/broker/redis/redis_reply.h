/* redis_reply.h - checks the replies of Redis and turns them into results of calls.
 * Thread:  any; pure.
 * Trusts:  nothing that comes from Redis: other programs write to it, too.
 * Fails:   EH_EINVAL if a reply does not have the form that our scripts give it.
 */
#ifndef EH_BROKER_REDIS_REPLY_H
#define EH_BROKER_REDIS_REPLY_H

#include <stdbool.h>

#include "broker/call.h"
#include "broker/redis/redis_info.h"

#define REPLID_N (REDIS_REPLID_TEXT + 1)

struct redisReply;

bool redis_reply_is_error(const struct redisReply *r);
/* Reports whether the reply is an error with this code, such as "READONLY"; also if the error of a
 * script quotes it. */
bool redis_reply_has_code(const struct redisReply *r, const char *code);
/* Reports whether this Redis cannot serve us now (it is a replica, is loading, has lost its master,
 * or wants a login) while a new connection, perhaps to another address, may. */
bool redis_reply_needs_reconnect(const struct redisReply *r);
struct str redis_reply_text(const struct redisReply *r); /* of a string, status or error */

/* Returns the answer to one of the n messages of a batch: an element of the whole answer, or the
 * whole if that is an error. NULL: the answer has another form. */
const struct redisReply *redis_reply_of_message(const struct redisReply *r, size_t n, size_t i);
/* Reads the answer to one message. Sets ret_id, ret_repeated and ret_retry_ms (0: the publish was
 * not limited). */
int redis_reply_publish(const struct redisReply *r, struct broker_publish *p) EH_MUST_USE;
int redis_reply_get(const struct redisReply *r, struct broker_kv *kv) EH_MUST_USE;
int redis_reply_set(const struct redisReply *r) EH_MUST_USE;
int redis_reply_delete(const struct redisReply *r, struct broker_kv *kv) EH_MUST_USE;
int redis_reply_count(const struct redisReply *r, uint64_t *ret) EH_MUST_USE; /* 0 or more */

/* An id is zero if Redis has none. */
struct redis_ids {
    struct msgid last;      /* the last id issued */
    struct msgid log_start; /* of the deployment; it moves when Redis has lost messages */
};

/* The answer of fence.lua. The last id is never zero. */
struct redis_fenced {
    struct redis_ids ids;
    char replid[REPLID_N]; /* of Redis's history; "": not known, or it could not begin */
    bool has_missed;       /* something was published or lost since the high-water mark */
    struct msgid tail;     /* the highest id of a message in the log */
    char tail_replid[REPLID_N];
};
int redis_reply_fence(const struct redisReply *r, struct redis_fenced *ret) EH_MUST_USE;

/* The answer to redis_command_position. */
int redis_reply_position(const struct redisReply *r, struct msgid *ret) EH_MUST_USE;

/* The answer of probe.lua. */
struct redis_probed {
    struct redis_ids ids;
    char replid[REPLID_N];
    bool is_current; /* the last history of the lineage has this replid */
};
int redis_reply_probe(const struct redisReply *r, struct redis_probed *ret) EH_MUST_USE;

/* Returns the answer to one of n questions of history.lua. NULL: the whole answer has another
 * form. */
const struct redisReply *redis_reply_answer(const struct redisReply *r, size_t n, size_t i);
/* Reports whether the script did not come to this question. */
bool redis_reply_is_again(const struct redisReply *r);

/* Sets the results of *h. ret_gone receives the *ret_n_gone topics whose logs are gone, at most
 * max_gone, as views into the reply. On failure *h holds no items. */
int redis_reply_history(const struct redisReply *r, struct broker_history *h, struct str *ret_gone,
                        size_t max_gone, size_t *ret_n_gone) EH_MUST_USE;

/* An answer to a question of any kind (redis_questions.h). */
struct redis_answer {
    struct broker_history page; /* the question, and what the answer makes of it */
    bool is_held;               /* the log reaches back to the point, but for some topics */
    struct msgid *ids;          /* of the newest entries, newest first; or of the latest ones, */
    uint32_t *numbers;          /* and the number of the topic of each, from 0 */
    uint64_t *lengths;          /* or the length of the log of each */
    size_t n_ids;
    struct str index, at; /* where the walk over the names goes on; views into the reply */
    struct str *names;    /* views into the reply */
    size_t n_names;
};
/* Sets is_held from a valid answer. */
bool redis_reply_is_held(const struct redisReply *r);
/* As redis_reply_history, for the ids of the newest entries. */
int redis_reply_ids(const struct redisReply *r, struct redis_answer *a, struct str *ret_gone,
                    size_t max_gone, size_t *ret_n_gone) EH_MUST_USE;
/* The same for the latest entries. */
int redis_reply_latest(const struct redisReply *r, struct redis_answer *a, struct str *ret_gone,
                       size_t max_gone, size_t *ret_n_gone) EH_MUST_USE;
/* The states of the first topics of the question, at least one: the length of each log, and the id
 * of its newest entry, which is zero if there is no log. */
int redis_reply_states(const struct redisReply *r, struct redis_answer *a) EH_MUST_USE;
int redis_reply_names(const struct redisReply *r, struct redis_answer *a) EH_MUST_USE;
void redis_answer_done(struct redis_answer *a); /* frees what was not taken */

/* A published message: pmessage, pattern, channel, payload; or message, channel, payload. */
struct redis_push {
    struct str glob; /* of the subscription; {NULL, 0}: by the name of the channel */
    struct str channel;
    struct str payload;
};
int redis_reply_push(const struct redisReply *r, struct redis_push *ret) EH_MUST_USE;

enum redis_confirmation {
    CONFIRMED_SUBSCRIBE,
    CONFIRMED_PSUBSCRIBE,
    CONFIRMED_UNSUBSCRIBE,
    CONFIRMED_PUNSUBSCRIBE,
};

/* Redis confirms that a channel is subscribed or no longer is: subscribe, channel, count. */
struct redis_confirmed {
    enum redis_confirmation what;
    struct str channel;
};
int redis_reply_confirmed(const struct redisReply *r, struct redis_confirmed *ret) EH_MUST_USE;

#endif
