/* redis_finder.h - how the master is found: one table of functions for Sentinels, one for a
 * Cluster.
 * Thread:  the broker's.
 * Rounds:  `ask` begins a round. It ends with one call of on_found or on_failure, at the latest
 *          after REDIS_FINDER_ROUND_MS, and `ask` is not called before that.
 * Events:  a finder may be freed inside on_news, but not inside on_found and on_failure.
 */
#ifndef EH_BROKER_REDIS_FINDER_H
#define EH_BROKER_REDIS_FINDER_H

#include "broker/config.h"
#include "net/loop.h"
#include "net/mailbox.h"

#define REDIS_FINDER_ROUND_MS  4000
#define REDIS_FINDER_REPLY_MAX (8u * 1024 * 1024) /* 16,384 ranges of three nodes take 4 MiB */

struct redis_finder_events {
    void (*on_found)(void *owner, const struct redis_endpoint *master);
    void (*on_failure)(void *owner, const char *why);
    /* The master has just changed, or may have: ask soon. */
    void (*on_news)(void *owner);
};

struct redis_finder_config {
    struct loop *loop;
    struct mailbox *inbox;
    const struct broker_config *broker;
    const struct redis_finder_events *events;
    void *owner;
};

struct redis_finder_ops {
    void *(*create)(const struct redis_finder_config *config); /* copies the struct */
    /* is_doubted: the master of the last answer does not work; another source may know better. */
    void (*ask)(void *finder, bool is_doubted);
    void (*free)(void *finder); /* calls no event */
};

#endif
