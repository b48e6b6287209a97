/* redis_presence.h - asks all nodes who is subscribed, or another question that is only passed on
 * to their workers (BROKER_OP_ASK), and answers when they ask.
 * Thread:  the broker's.
 * How:     a question is published on a channel to which the feed of every node is subscribed, and
 *          Redis reports how many nodes received it. Each of them asks its workers
 *          (broker/headcount.h) and publishes the answer on a channel that only the asker is
 *          subscribed to. The feed's pattern does not match these channels, so a C++ Eventhub
 *          sees none of this.
 * Dead:    nothing is kept between questions, so Redis does not count a node that has died. A node
 *          that hangs delays the answer by REDIS_PRESENCE_WAIT_MS at most; then the sum of the
 *          others is the answer, marked as incomplete.
 * Owns:    a call until it is answered. Every call must have a deadline.
 * Bounds:  REDIS_PRESENCE_ASKED own questions under way, and REDIS_OTHERS_ASKED of the other kind,
 *          whose answers are large: if many came at once, Redis could end the feed that brings them
 *          (client-output-buffer-limit). Other calls wait for their turn. At most
 *          REDIS_PRESENCE_COUNTED questions of all nodes are being answered; questions beyond that
 *          are dropped and counted.
 */
#ifndef EH_BROKER_REDIS_PRESENCE_H
#define EH_BROKER_REDIS_PRESENCE_H

#include "broker/call.h"

#define REDIS_PRESENCE_WAIT_MS 1000
#define REDIS_PRESENCE_ASKED   64
#define REDIS_OTHERS_ASKED     4
#define REDIS_PRESENCE_COUNTED 1024

struct redis_pool;
struct redis_presence;

struct redis_presence *redis_presence_create(struct redis_pool *pool);
/* After redis_pool_close. Answers what is left: with NOT_DONE what was not sent, with UNKNOWN a
 * question that workers may have executed. */
void redis_presence_free(struct redis_presence *p);

/* Returns the channel for questions of all nodes, or the one for answers to this node. */
struct str redis_presence_channel(const struct redis_presence *p, bool for_answers);

void redis_presence_take(struct redis_presence *p, struct broker_call *call);
void redis_presence_pump(struct redis_presence *p); /* sends all calls that can be sent now */
/* Handles a message that arrived on one of the two channels. */
void redis_presence_on_message(struct redis_presence *p, struct str channel, struct str payload);

#endif
