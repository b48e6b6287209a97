/* redis_history.h - reads pages of the log.
 * Thread:  the broker's.
 * Order:   calls wait in two queues, with and without a deadline, which all links for history
 *          share. Each call reads one page and then queues again for the next, so one client's
 *          long history delays nobody else.
 * Shares:  one command asks for the pages of many calls, and calls that ask the same share one
 *          page. A page of a pattern takes several commands (redis_plan.h).
 * Bounds:  a client's question holds names and entries of 1 MiB each, a replay of 32 MiB each.
 * Feed:    calls without a deadline (joins, replays) wait until the feed has joined: the live
 *          messages after their snapshot must come through it. (One that shares a page under way
 *          may be answered earlier: the node's replay brings what follows.) A call with a deadline
 *          is a question about the log alone. It needs a link and fenced ids, so while the feed is
 *          away it is sent after a fence of its own.
 * Tail:    a question of a joining subscription may be answered at once, in front of both queues
 *          and without Redis (redis_tail.h).
 * Owns:    a call until it is answered. A call without a deadline waits until Redis is back.
 * Fails:   a page that was lost with its connection, or that Redis refuses for a while (in a
 *          failover, or while a slot moves), is read again: reading twice does no harm, and clients
 *          would take NOT_DONE for a loss. Other errors answer NOT_DONE.
 */
#ifndef EH_BROKER_REDIS_HISTORY_H
#define EH_BROKER_REDIS_HISTORY_H

#include "broker/call.h"

struct redis_history;
struct redis_pool;

struct redis_history *redis_history_create(struct redis_pool *pool);
/* After redis_pool_close. Answers what is left. */
void redis_history_free(struct redis_history *h);

void redis_history_take(struct redis_history *h, struct broker_call *call);
void redis_history_pump(struct redis_history *h); /* sends all calls that can be sent now */
/* A topic was purged up to this id: no page that is given from now on has those messages. */
void redis_history_on_purged(struct redis_history *h, struct str topic, struct msgid id);
/* Removes expired topics from the indexes: the next batch of the sweep. Fire and forget. */
void redis_history_sweep(struct redis_history *h);

#endif
