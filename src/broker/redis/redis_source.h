/* redis_source.h - knows where the master is: by the name in REDIS_HOST, from Sentinels, or from
 * the nodes of a Cluster.
 * Thread:  the broker's.
 * Owns:    its connections to Sentinels, or to one node of the cluster.
 * Kinds:   Sentinels if there are any; a cluster if REDIS_CLUSTER=yes or REDIS_HOST lists several
 *          hosts; else the name. With REDIS_CLUSTER=auto the name becomes a cluster as soon as its
 *          Redis reports that it is one (redis_source_on_cluster, or a redirect).
 * Pace:    at most one round of questions a second, however often the owner asks. If the owner does
 *          not ask, one every 5 s (Sentinels) or 5 to 10 s (cluster). News of a Sentinel may come
 *          before the others know, and the feed waits for the round that settles the master, so
 *          after both there are up to ten rounds a second. A redirect is followed at once, but
 *          ever more slowly if redirects do not end.
 */
#ifndef EH_BROKER_REDIS_SOURCE_H
#define EH_BROKER_REDIS_SOURCE_H

#include "broker/config.h"
#include "broker/redis/redis_redirect.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct redis_source;

struct redis_source_events {
    /* The master has become known, or has changed. Called in a turn of its own, or inside
     * redis_source_on_redirect. */
    void (*on_master)(void *owner, const struct redis_endpoint *master);
    /* The master is not known, or cannot be used. The last master stays in use. */
    void (*on_failure)(void *owner, const char *why);
    /* A round succeeded, so the reason of the last on_failure no longer holds. Follows on_master if
     * the master has changed. */
    void (*on_success)(void *owner);
};

struct redis_source_config {
    struct loop *loop;
    struct mailbox *inbox; /* drained after redis_source_free */
    const struct broker_config *broker;
    const struct redis_source_events *events;
    void *owner;
};

/* on_master follows, for a name in the next turn of the loop. The config is copied. */
struct redis_source *redis_source_create(const struct redis_source_config *config);
void redis_source_free(struct redis_source *s); /* calls no event */

/* The feed has lost its connection. A master that was replaced meanwhile may come back as a master,
 * perhaps empty, until the Sentinels reconfigure it, and what is published there is lost. So with
 * Sentinels the master is settled again when they name it, or do not answer, in a round that begins
 * after the last connection to it came up. Earlier answers may be from before it was replaced. */
void redis_source_on_lost(struct redis_source *s);
/* While the feed has not joined: a connection to the master has come up. */
void redis_source_on_connected(struct redis_source *s);
bool redis_source_is_settled(const struct redis_source *s);

/* The master does not work, or is not a master: ask as soon as the pace permits. */
void redis_source_ask(struct redis_source *s);
/* A command was redirected, or refused by the cluster: follow MOVED, and ask. */
void redis_source_on_redirect(struct redis_source *s, const struct redis_redirect *redirect);
/* The master has said that it is a node of a cluster. */
void redis_source_on_cluster(struct redis_source *s);

#endif
