/* redis_presence.h - asks all nodes who is subscribed, and answers when they ask.
 * Thread:  the broker's.
 * How:     a question is published on a channel that every node's feed has subscribed to; Redis
 *          says how many got it. Each of them asks its workers (broker/census.h) and publishes the
 *          answer on the asker's own channel. These channels are not under the feed's pattern:
 *          answers come to the asker alone, and a C++ Eventhub sees none of it.
 * Dead:    nothing is kept, so a node that has died is just not among those that Redis counts. One
 *          that hangs is waited for REDIS_PRESENCE_WAIT_MS; then the sum of the others is the
 *          answer, and not complete.
 * Bounds:  REDIS_PRESENCE_ASKED questions under way, others wait in their order until their
 *          deadline; REDIS_PRESENCE_COUNTED of all nodes, what is over is dropped and counted.
 */
#ifndef EH_BROKER_REDIS_PRESENCE_H
#define EH_BROKER_REDIS_PRESENCE_H

#include "broker/redis/redis_pool.h"

#define REDIS_PRESENCE_WAIT_MS 1000
#define REDIS_PRESENCE_ASKED   64
#define REDIS_PRESENCE_COUNTED 1024

struct redis_presence *redis_presence_create(struct redis_engine *e);
void redis_presence_close(struct redis_presence *p); /* all calls are answered NOT_DONE */
void redis_presence_free(struct redis_presence *p);  /* when no connection is left to answer */

/* The channels for questions and for answers to this node. */
struct str redis_presence_channel(const struct redis_presence *p, bool for_answers);

void redis_presence_take(struct redis_presence *p, struct broker_call *call);
void redis_presence_pump(struct redis_presence *p);
void redis_presence_on_message(struct redis_presence *p, struct str channel, struct str payload);

#endif
