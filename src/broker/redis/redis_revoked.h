/* redis_revoked.h - keeps this node's table of revoked tokens equal to that in Redis.
 * Thread:  the broker's.
 * Owns:    nothing but its progress. The table (broker_config.revoked) is shared with the workers.
 * Reads:   all entries when the feed joins and every REDIS_REVOKED_FULL_S; what has changed every
 *          BROKER_REVOKED_S. One command is under way at a time.
 * Writes:  back what this node knows and Redis has lost, after all entries were read.
 * Fails:   a read that Redis refuses, or that is lost with its connection, is made again at the
 *          next tick. Meanwhile, and while Redis is away, the table stays as it is.
 */
#ifndef EH_BROKER_REDIS_REVOKED_H
#define EH_BROKER_REDIS_REVOKED_H

#define REDIS_REVOKED_FULL_S 300

struct redis_pool;
struct redis_revoked;

struct redis_revoked *redis_revoked_create(struct redis_pool *pool);
void redis_revoked_free(struct redis_revoked *r); /* after redis_pool_close */

void redis_revoked_on_joined(struct redis_revoked *r);
void redis_revoked_on_tick(struct redis_revoked *r); /* every second */

#endif
