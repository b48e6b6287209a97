/* redis_request.h - one command under way on a connection, and its fate.
 * Thread:  the broker's.
 * Owns:    the bytes of the command until it is finished: if Redis certainly did not run it, they
 *          are sent again.
 * Calls:   a request that can be made again is a *call*: only calls wait through a redirect or a
 *          lost connection, because their arguments may have to change (a publish names the newest
 *          id that this node knows).
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

/* Makes the command of a refused call again, from the arguments of its redis_done. Returns false if
 * it must not be sent any more (redis_order.h): it is then finished with NOT_DONE. ret NULL: only
 * reports. */
typedef bool redis_remake_fn(void *owner, void *arg, struct redis_command *ret);

struct redis_request {
    struct list link;
    struct redis_done done;
    redis_remake_fn *remake; /* NULL: not a call */
    uint64_t sent_ms;
    uint64_t order; /* among those of its pipeline; 0: not sent yet */
    unsigned n_refused;
    int refusal;      /* the last one: an enum redis_redirect_kind */
    size_t n_answers; /* that are still to come */
    bool is_script;
    bool is_resent; /* under way again after a refusal */
    size_t n;
    char wire[]; /* n bytes */
};

struct redis_request *redis_request_create(const struct redis_command *c, struct redis_done done);
/* Returns the same request with the bytes of another command; rq is gone. */
struct redis_request *redis_request_replace(struct redis_request *rq,
                                            const struct redis_command *c);
/* Calls done with UNKNOWN. The request keeps its place; finishing it later calls nobody. */
void redis_request_give_up(struct redis_request *rq);
/* Calls done, unless the request was given up, and frees the request. */
void redis_request_finish(struct redis_request *rq, enum redis_fate fate,
                          const struct redisReply *reply);
/* Finishes all requests of a list without a reply. */
void redis_requests_finish(struct list *requests, enum redis_fate fate);

#endif
