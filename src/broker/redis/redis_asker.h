/* redis_asker.h - links to the servers that take over our slot while it migrates (ASK).
 * Thread:  the broker's.
 * Owns:    at most ASKER_LINKS links. A link is closed when it has not been used for
 *          ASKER_IDLE_TICKS, or earlier if its place is needed.
 * Order:   none; the link that asks waits for each answer (redis_held.h).
 */
#ifndef EH_BROKER_REDIS_ASKER_H
#define EH_BROKER_REDIS_ASKER_H

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_link.h"

struct redis_asker;

/* Ignores the endpoint, events and owner of the config. */
struct redis_asker *redis_asker_create(const struct redis_link_config *config);
/* Gives commands under way back to their owners. */
void redis_asker_free(struct redis_asker *a);

/* Sends ASKING and then the command. False: there is no link to this server yet; it connects
 * now. */
bool redis_asker_send(struct redis_asker *a, const struct redis_endpoint *endpoint,
                      struct redis_command *c, struct redis_done done);
void redis_asker_tick(struct redis_asker *a); /* every second */

#endif
