/* publish.h - one publish on behalf of a client, by the method `publish` or by POST.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_PUBLISH_H
#define EH_APP_PUBLISH_H

#include "app/conn/pending.h"
#include "app/rpc/params.h"

struct publish {
    struct str topic;    /* valid, and the connection may write to it */
    struct str message;  /* UTF-8, not empty */
    int64_t ttl_s;       /* 0: the default */
    int64_t timestamp;   /* ms; 0: none */
    struct str key;      /* empty: none */
    uint64_t max_length; /* messages that the log keeps of the topic; 0: the default */
    bool no_echo;        /* the connection itself does not get the message */
};

/* Reads the optional parameters `ttl`, `timestamp` and `key`. The key is a view into p->json.
 * Fails as params.h says. */
int publish_read_options(struct params *p, struct publish *ret) EH_MUST_USE;

/* Applies the settings of the topic (TOPICS_FILE) to a publish that is complete. Fails, as params.h
 * says, if the message is longer than they allow. */
int publish_apply_settings(struct params *p, const struct conn *c, struct publish *pub) EH_MUST_USE;

/* Creates the call to the broker, with copies of all texts; the caller sets `done` and starts it.
 * Takes the reply ({0}: none). The message's origin is the `sub` of the connection's token, whose
 * rate limit applies. */
struct pending *publish_create(struct conn *c, const struct publish *pub, struct reply *reply);

/* Returns why an answered publish failed, or NULL. "not published" is certain; after "outcome
 * unknown" the message may have been published. */
const char *publish_failure(const struct pending *p);
/* Appends the result object of a publish that did not fail, as JSON text. One over the rate limit
 * (BROKER_LIMITED) has a result, too. */
void publish_result(const struct pending *p, struct buf *out);

#endif
