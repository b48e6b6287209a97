/* redis_link.h - one connection to Redis, which comes back by itself.
 * Thread:  the broker's.
 * Life:    down -> resolving -> greeting (connect, TLS, AUTH, SELECT, SCRIPT LOAD) -> up.
 *          Whatever fails drops the connection; the next attempt resolves the name again, after a
 *          back-off of 50 ms that doubles to 2 s (+-50 %) until a command has succeeded.
 * Order:   commands are answered in the order in which they were sent. When Redis does not know a
 *          script (NOSCRIPT), nothing more is sent until all that is under way is answered and the
 *          scripts are loaded; then what was refused is sent again, in its order.
 * Time:    a command without an answer for timeout_ms drops the connection; one with a deadline of
 * its own is given back LOST when that passes (redis_pipeline.h). Never:   sends a command again
 * that Redis may have run.
 */
#ifndef EH_BROKER_REDIS_LINK_H
#define EH_BROKER_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/redis/redis_request.h"
#include "hub/metrics.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct redis_link;
struct tls;

struct redis_link_events {
    void (*on_up)(struct redis_link *l, void *owner);
    /* The connection, or an attempt at one, is gone; after all its commands were given back. */
    void (*on_down)(struct redis_link *l, void *owner, const char *why);
    /* redis_link_can_send after it could not. May be NULL. */
    void (*on_room)(struct redis_link *l, void *owner);
    /* A reply that answers no command: the feed. NULL: that is an error. */
    void (*on_push)(struct redis_link *l, void *owner, const struct redisReply *reply);
};

struct redis_link_config {
    struct loop *loop;
    struct mailbox *inbox; /* for the resolver's answers; drained after redis_link_free */
    struct metrics_cell *metrics;
    const char *host;
    uint16_t port;
    const char *username; /* "" for none */
    const char *password; /* "" for none */
    unsigned db;
    struct tls *tls; /* NULL: plain */
    uint64_t timeout_ms;
    bool loads_scripts;
    const struct redis_link_events *events;
    void *owner;
};

/* Starts to connect in the next turn. The strings of the config are borrowed. */
struct redis_link *redis_link_create(const struct redis_link_config *config);
void redis_link_free(struct redis_link *l); /* gives all commands back; calls no event */

bool redis_link_is_up(const struct redis_link *l);
bool redis_link_can_send(const struct redis_link *l);     /* up, and not too much is unsent */
size_t redis_link_unanswered(const struct redis_link *l); /* commands not yet answered */

/* Needs redis_link_can_send. Leaves with the others of this turn in one write. */
void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done);

/* Where nothing is under way: a command whose answer nobody waits for but the timeout. Called
 * regularly, it finds a connection that is dead without having said so. */
void redis_link_ping(struct redis_link *l);

/* A new connection instead of this one: at once, or when all that is under way is answered. Both do
 * nothing where there is no connection. */
void redis_link_drop(struct redis_link *l, const char *why);
void redis_link_renew(struct redis_link *l, const char *why);
/* Redis has answered another connection: this one need not wait out its back-off. */
void redis_link_retry_now(struct redis_link *l);

#endif
