/* redis_retry.h - when a link connects next, and where: its endpoint, the resolver, and the pauses.
 * Thread:  the broker's.
 * Owns:    the addresses of the endpoint. It is part of its link's struct.
 * Pauses:  after a failure 50 ms, doubling up to 2 s (+-50 %) until a command has succeeded. A
 *          connection alone is not a success: a Redis that accepts connections and refuses every
 *          command is asked ever more slowly. The first move after a success is immediate; before
 *          further ones there is a pause of 50 to 200 ms, so two servers that send us to each other
 *          are not asked in a loop.
 */
#ifndef EH_BROKER_REDIS_RETRY_H
#define EH_BROKER_REDIS_RETRY_H

#include "broker/config.h"
#include "broker/redis/redis_dial.h"
#include "net/loop.h"

struct redis_retry {
    struct loop *loop;
    struct mailbox *inbox;
    struct redis_endpoint endpoint;
    /* The dial has an address: time to connect. */
    void (*on_address)(void *owner);
    /* The name was not resolved. The link calls redis_retry_later. */
    void (*on_failed)(void *owner, const char *why);
    void *owner;

    struct redis_dial *dial;
    struct timer timer;
    bool is_resolving;
    bool has_moved; /* since the last attempt began */
    uint64_t backoff_ms;
    unsigned n_moves; /* since a success or a pause */
    unsigned seed;
};

/* The members up to `owner` are set. Starts in the next turn of the loop; without an endpoint (host
 * "") when the link is moved to one. */
void redis_retry_init(struct redis_retry *r);
void redis_retry_done(struct redis_retry *r);

/* The connection is lost, or an attempt has failed. Returns false if that is not to be reported,
 * because another address of the same name is tried at once. */
bool redis_retry_later(struct redis_retry *r, bool was_attempt);
void redis_retry_connected(struct redis_retry *r); /* the addresses are no longer needed */
void redis_retry_succeeded(struct redis_retry *r); /* a command was answered */

/* Changes the endpoint. False: it is the same. With a connection the link ends that, and calls
 * redis_retry_later; without one the next attempt goes there. */
bool redis_retry_move(struct redis_retry *r, const struct redis_endpoint *endpoint);
/* Ends a pause that is not one between moves. */
void redis_retry_now(struct redis_retry *r);

#endif
