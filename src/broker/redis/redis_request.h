/* redis_request.h - one command under way on a connection, and what becomes of it.
 * Thread:  the broker's.
 * Owns:    its bytes, until it is finished: a command whose script Redis does not know is sent
 * again.
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
    REDIS_ANSWERED, /* reply has it; it may be an error */
    REDIS_UNKNOWN,  /* written, and no answer will come: Redis may have run it */
    REDIS_NOT_DONE, /* certain: Redis refused it, and the connection went before it was sent again */
};

/* fn NULL: nobody waits for the answer. */
struct redis_done {
    void (*fn)(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply);
    void *owner;
    void *arg;
    uint64_t deadline; /* monotonic ms: not to be waited for any longer; 0: none of its own */
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
/* It is LOST now. The request stays until it is finished, which then calls nobody. */
void redis_request_give_up(struct redis_request *rq);
/* Calls done, unless it was given up, and frees the request. */
void redis_request_finish(struct redis_request *rq, enum redis_fate fate,
                          const struct redisReply *reply);
/* Finishes all of a list without a reply. */
void redis_requests_finish(struct list *requests, enum redis_fate fate);

#endif
