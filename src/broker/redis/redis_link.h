/* redis_link.h - a connection to Redis that carries commands and reconnects by itself.
 * Thread:  the broker's.
 * States:  down -> resolving -> greeting (connect, TLS, AUTH, SELECT, SCRIPT LOAD) -> up. Any
 *          failure drops the connection. The next attempt resolves the name again, after a back-off
 *          that starts at 50 ms and doubles up to 2 s (+-50 %) until a command has succeeded.
 * Order:   commands are answered in the order in which they were sent. When Redis does not know a
 *          script (NOSCRIPT), nothing more is sent until all commands under way are answered and
 *          the scripts are loaded. Then the refused commands are sent again, in their order.
 * Time:    a command that is not answered within timeout_ms drops the connection. A command with a
 *          deadline of its own is given back UNKNOWN when that passes (redis_pipeline.h).
 * Never:   sends a command again that Redis may have executed.
 */
#ifndef EH_BROKER_REDIS_LINK_H
#define EH_BROKER_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/config.h"
#include "broker/redis/redis_request.h"
#include "hub/metrics.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct redis_link;
struct redis_login;
struct tls;

struct redis_link_events {
    void (*on_up)(struct redis_link *l, void *owner);
    /* The connection is gone, or an attempt has failed. All its commands were given back before. */
    void (*on_down)(struct redis_link *l, void *owner, const char *why);
    /* redis_link_can_send has become true again while the link was up. May be NULL. */
    void (*on_room)(struct redis_link *l, void *owner);
    /* A published message, which answers no command. NULL: such a reply is an error. */
    void (*on_push)(struct redis_link *l, void *owner, const struct redisReply *reply);
};

struct redis_link_config {
    struct loop *loop;
    struct mailbox *inbox; /* for the resolver's answers; drained after redis_link_free */
    struct metrics_cell *metrics;
    struct redis_endpoint endpoint;
    struct redis_login *login; /* read for each connection; NULL: none */
    unsigned db;
    struct tls *tls;      /* NULL: plain */
    const char *tls_name; /* that the certificate must have; "": the host of the endpoint */
    uint64_t timeout_ms;
    bool loads_scripts;
    const struct redis_link_events *events;
    void *owner;
};

/* Starts to connect in the next turn of the loop. The strings of the config are borrowed. */
struct redis_link *redis_link_create(const struct redis_link_config *config);
void redis_link_free(struct redis_link *l); /* gives all commands back; calls no event */

bool redis_link_is_up(const struct redis_link *l);
bool redis_link_can_send(const struct redis_link *l); /* up, and not too many bytes are unsent */
size_t redis_link_unanswered(const struct redis_link *l); /* commands under way */

/* Needs redis_link_can_send. All commands of one turn leave in one write. */
void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done);

/* Sends a PING if no command is under way. Called regularly, it finds a connection that died
 * silently: the missing answer runs into timeout_ms. */
void redis_link_ping(struct redis_link *l);

/* Both replace the connection with a new one: drop at once, renew after all commands under way are
 * answered. Without a connection they do nothing. */
void redis_link_drop(struct redis_link *l, const char *why);
void redis_link_renew(struct redis_link *l, const char *why);
/* Ends the back-off: Redis has just answered another connection. */
void redis_link_retry_now(struct redis_link *l);

#endif
