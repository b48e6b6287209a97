/* redis_listing.h - lists the topics that have a log, page by page.
 * Thread:  the broker's.
 * How:     the names are walked in the index of topics, REDIS_READ_NAMES by REDIS_READ_NAMES, until
 *          enough of them match. Then Redis is asked for the states of these topics. Each command
 *          reads a bounded amount (scripts/history.lua), and commands of others run in between.
 * Bounds:  REDIS_LISTINGS pages under way; other calls wait for their turn. A page looks at about
 *          BROKER_LIST_NAMES names.
 * Owns:    a call until it is answered. Every call must have a deadline.
 * Fails:   NOT_DONE if Redis refuses a command, does not answer in time or is lost. Calls wait
 *          while the feed is away.
 */
#ifndef EH_BROKER_REDIS_LISTING_H
#define EH_BROKER_REDIS_LISTING_H

#include "broker/call.h"

#define REDIS_LISTINGS 4

struct redis_listing;
struct redis_pool;

struct redis_listing *redis_listing_create(struct redis_pool *pool);
/* After redis_pool_close. Answers what is left with NOT_DONE. */
void redis_listing_free(struct redis_listing *l);

void redis_listing_take(struct redis_listing *l, struct broker_call *call);
void redis_listing_pump(struct redis_listing *l); /* sends all calls that can be sent now */

#endif
