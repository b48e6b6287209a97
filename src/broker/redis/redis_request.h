/* redis_request.h - one command under way on a connection, and its fate.
 * Thread:  the broker's.
 * Owns:    the bytes of the command until it is finished: if Redis does not know its script, they
 *          are sent again.
 */
#ifndef EH_BROKER_REDIS_REQUEST_H
#define EH_BROKER_REDIS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct redisReply;
struct redis_command;

enum redis_fate {
    REDIS_ANSWERED, /* the reply is given; it may be an error */
    REDIS_UNKNOWN,  /* sent, and no answer will come: Redis may have executed it */
    REDIS_NOT_DONE, /* certain: Redis did not execute it and will not */
};

/* Where the answer goes. fn is NULL when nobody waits for it. */
struct redis_done {
    void (*fn)(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply);
    void *owner;
    void *arg;
    uint64_t deadline; /* loop_now: the caller waits no longer than this; 0: none */
};

struct redis_request {
    struct list link;
    struct redis_done done;
    uint64_t sent_ms;
    bool is_script;
    size_t n;
    char wire[]; /* n bytes */
};

struct redis_request *redis_request_create(const struct redis_command *c, struct redis_done done);
/* Calls done with UNKNOWN. The request keeps its place; finishing it later calls nobody. */
void redis_request_give_up(struct redis_request *rq);
/* Calls done, unless the request was given up, and frees the request. */
void redis_request_finish(struct redis_request *rq, enum redis_fate fate,
                          const struct redisReply *reply);
/* Finishes all requests of a list without a reply. */
void redis_requests_finish(struct list *requests, enum redis_fate fate);

#endif
