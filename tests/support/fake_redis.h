/* fake_redis.h - a server in the loop of the test that speaks just enough of Redis for a link. It
 * answers the greeting (AUTH, CLIENT, INFO, SELECT, SCRIPT LOAD, PING) by itself, and asks the test
 * about every other command.
 * Thread:  its loop's, which is also that of the link: so a test is a sequence.
 * Owns:    a Unix socket and the connections to it, until fake_redis_done.
 * Fails:   a step that fails aborts the test program.
 */
#ifndef EH_TESTS_FAKE_REDIS_H
#define EH_TESTS_FAKE_REDIS_H

#include <stdbool.h>

#include "base/list.h"
#include "broker/config.h"
#include "net/loop.h"

#define FAKE_CLOSE ((const char *)1) /* in place of a reply: closes the connection */

struct redisReply;

struct fake_redis {
    struct loop *loop;
    struct loop_io listener;
    struct redis_endpoint endpoint;
    struct list conns;
    const char *info;  /* what INFO answers; NULL: NOPERM, as CLIENT SETNAME does then */
    const char *hello; /* sent first on each connection, in place of all answers; NULL: as above */
    /* Called before the commands of one read. */
    void (*on_batch)(struct fake_redis *f, void *owner);
    /* Returns the reply as bytes, NULL for none, or FAKE_CLOSE. */
    const char *(*on_command)(struct fake_redis *f, void *owner, const struct redisReply *command,
                              bool is_asking);
    void *owner;
    unsigned n_accepted; /* connections */
    unsigned n_loads;    /* scripts */
};

/* Listens at this path, which must not exist. The callbacks and texts are set by the test. */
void fake_redis_init(struct fake_redis *f, struct loop *lp, const char *path);
void fake_redis_drop(struct fake_redis *f);                   /* closes all connections */
void fake_redis_say(struct fake_redis *f, const char *bytes); /* sends them on all connections */
void fake_redis_done(struct fake_redis *f);

#endif
