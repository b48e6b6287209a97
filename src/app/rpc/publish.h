/* publish.h - one publish on behalf of a client, by `publish` or by POST.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_PUBLISH_H
#define EH_APP_PUBLISH_H

#include "app/rpc/rpc.h"

struct publish {
    struct str topic;   /* valid, and the connection may write to it */
    struct str message; /* UTF-8, not empty */
    int64_t ttl_s;      /* 0: the default */
    int64_t timestamp;  /* ms; 0: none */
    struct str key;     /* empty: none */
};

/* Reads the optional parameters `ttl`, `timestamp` and `key`. The key is a view into p->json. Fails
 * as params.h says. */
int publish_read_options(struct params *p, struct publish *ret) EH_MUST_USE;

/* The call to the broker, with copies of the texts, to be started; it takes the reply along ({0}:
 * none). The message's origin is the `sub` of the connection's token, whose limit it is under. */
struct pending *publish_create(struct conn *c, const struct publish *pub, struct reply *reply);

/* Once it is answered: why it failed ("not published" is certain, "outcome unknown" is not), or
 * NULL; then the result object, as JSON text, which may say that it was over the limit
 * (BROKER_LIMITED). */
const char *publish_failure(const struct pending *p);
void publish_result(const struct pending *p, struct buf *out);

#endif
