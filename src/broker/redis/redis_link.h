/* redis_link.h - a connection to Redis that carries commands and reconnects by itself.
 * Thread:  the broker's.
 * States:  down -> greeting (redis_greeting.h) -> up. Any failure drops the connection, and the
 *          link tries again (redis_retry.h). redis_link_move sends it to another server.
 * Order:   commands are answered in the order in which they were sent. When Redis certainly did not
 *          run a *call* (redis_redirect.h), no other call is sent until all commands under way are
 *          answered and the refused calls were sent again, in their order, and succeeded
 *          (redis_held.h). A refused call is NOT_DONE if a later call of its client has run.
 *          Commands that are not calls (probes, pages) come back to their owners with the error.
 * Time:    connecting to one address takes at most a second, and less than timeout_ms. A command
 *          that is not answered within timeout_ms drops the connection. A command with a deadline
 *          of its own is given back UNKNOWN when that passes (redis_pipeline.h), a refused one
 *          NOT_DONE.
 * Never:   sends a command again that Redis may have executed.
 */
#ifndef EH_BROKER_REDIS_LINK_H
#define EH_BROKER_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/config.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_request.h"
#include "hub/metrics.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct redis_link;
struct redis_login;
struct tls;

struct redis_link_events {
    void (*on_up)(struct redis_link *l, void *owner);
    /* The connection is gone, or an attempt has failed. All its commands were given back before,
     * except refused calls, which wait for the next connection. */
    void (*on_down)(struct redis_link *l, void *owner, const char *why);
    /* redis_link_can_send or redis_link_takes_calls has become true again while the link was up.
     * May be NULL. */
    void (*on_room)(struct redis_link *l, void *owner);
    /* A published message, which answers no command; an answer that is not the last one to its
     * command (redis_command.n_answers); or one that was not expected. NULL: these are errors. */
    void (*on_push)(struct redis_link *l, void *owner, const struct redisReply *reply);
    /* Redis certainly did not run a command. The owner may call redis_link_move. After FENCE the
     * link waits for redis_link_release. The host of an endpoint is never "". May be NULL. */
    void (*on_refused)(struct redis_link *l, void *owner, const struct redis_redirect *redirect);
    /* Sends a command to the target of a migration, after ASKING, and its answer to `done`. False:
     * that is not possible now; the call is tried here again. May be NULL. */
    bool (*on_ask)(struct redis_link *l, void *owner, const struct redis_endpoint *endpoint,
                   struct redis_command *c, struct redis_done done);
};

struct redis_link_config {
    struct loop *loop;
    struct mailbox *inbox; /* for the resolver's answers; drained after redis_link_free */
    struct metrics_cell *metrics;
    struct redis_endpoint endpoint;
    const char *name;          /* for CLIENT LIST; NULL: "eventhub" */
    struct redis_login *login; /* read for each connection; NULL: none */
    unsigned db;
    struct tls *tls;      /* NULL: plain */
    const char *tls_name; /* that the certificate must have; "": the host of the endpoint */
    uint64_t timeout_ms;
    bool loads_scripts;
    bool takes_replicas; /* a replica or a Sentinel is not a failure */
    size_t reply_max;    /* bytes of one reply; 0: no limit */
    const struct redis_link_events *events;
    void *owner;
};

/* Starts to connect in the next turn of the loop; without an endpoint (host "") when the link is
 * moved to one. The strings of the config are borrowed. */
struct redis_link *redis_link_create(const struct redis_link_config *config);
void redis_link_free(struct redis_link *l); /* gives all commands back; calls no event */

/* Also true for the first second of a pause: while it drains, moves, or holds refused calls. */
bool redis_link_is_up(const struct redis_link *l);
bool redis_link_can_send(const struct redis_link *l); /* up, and not too many bytes are unsent */
/* The same for calls; false while it holds refused ones, which come first. */
bool redis_link_takes_calls(const struct redis_link *l);
/* Connected and greeted: a command reaches the server that answered the last one. */
bool redis_link_is_connected(const struct redis_link *l);
size_t redis_link_unanswered(const struct redis_link *l);       /* commands under way */
size_t redis_link_unanswered_calls(const struct redis_link *l); /* calls among them */
/* Returns the INFO of the server. NULL: not connected yet, or the server does not permit INFO. */
const struct redis_info *redis_link_info(const struct redis_link *l);
const struct redis_endpoint *redis_link_endpoint(const struct redis_link *l);

/* Needs redis_link_is_connected; callers who can wait check redis_link_can_send. All commands of
 * one turn leave in one write. */
void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done);
/* Needs redis_link_takes_calls. remake makes the command again if Redis refuses it and its order
 * still permits it. */
void redis_link_send_call(struct redis_link *l, struct redis_command *c, struct redis_done done,
                          redis_remake_fn *remake);

/* Sends a PING if no command is under way. Called regularly, it finds a connection that died
 * silently: the missing answer runs into timeout_ms. */
void redis_link_ping(struct redis_link *l);

/* Both replace the connection with a new one: drop at once, renew after all commands under way are
 * answered. Without a connection they do nothing. */
void redis_link_drop(struct redis_link *l, const char *why);
void redis_link_renew(struct redis_link *l, const char *why);
/* The master is at this endpoint now: the link connects there when the commands under way are
 * answered, after half a second at the latest. Does nothing if the link leads there already. */
void redis_link_move(struct redis_link *l, const struct redis_endpoint *endpoint, const char *why);
/* Refused calls that wait because of FENCE, or because the connection is a new one, may be sent:
 * the feed has joined. */
void redis_link_release(struct redis_link *l);
/* Ends the back-off: Redis has just answered another connection. */
void redis_link_retry_now(struct redis_link *l);

#endif
