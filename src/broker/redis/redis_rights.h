/* redis_rights.h - the commands that the server and its scripts use, so that a check can try each
 * of them, and the refusals of Redis.
 * Thread:  any; pure.
 */
#ifndef EH_BROKER_REDIS_RIGHTS_H
#define EH_BROKER_REDIS_RIGHTS_H

#include <stddef.h>

#include "broker/redis/redis_command.h"

struct redisReply;

#define REDIS_RIGHTS_KEYS 4 /* keys that the commands write, one for each type of value */

/* Keys and a channel of the scratch area. */
struct redis_rights_names {
    struct str keys[REDIS_RIGHTS_KEYS];
    struct str channel;
};

size_t redis_rights_count(void);
/* Returns the name of a right as in an ACL: "xadd" of +xadd. */
const char *redis_rights_name(size_t i);
enum redis_need {
    REDIS_NEED_ALWAYS,
    REDIS_NEED_NAME,    /* not needed, but useful: connections have a name in CLIENT LIST */
    REDIS_NEED_LEAVE,   /* the same: channels that nobody wants are left */
    REDIS_NEED_WAIT,    /* with REDIS_WAIT */
    REDIS_NEED_CLUSTER, /* if Redis is a cluster */
};
enum redis_need redis_rights_need(size_t i);
/* Makes a command that needs this right and concerns only the names. With all rights the commands,
 * one after the other, are answered without an error, except for EVALSHA: NOSCRIPT. The last one
 * deletes the keys. */
void redis_rights_command(struct redis_command *c, size_t i,
                          const struct redis_rights_names *names);

enum redis_refusal {
    REDIS_REFUSAL_NONE,    /* not an error, or NOSCRIPT */
    REDIS_REFUSAL_COMMAND, /* NOPERM: the user may not run the command */
    REDIS_REFUSAL_KEY,     /* NOPERM: it may not use the key */
    REDIS_REFUSAL_CHANNEL, /* NOPERM: it may not use the channel */
    REDIS_REFUSAL_UNKNOWN, /* the server does not know the command, or its operator renamed it */
    REDIS_REFUSAL_OTHER,   /* any other error */
};
enum redis_refusal redis_refusal_of(const struct redisReply *r);
/* The same of the text of an error. */
enum redis_refusal redis_refusal_of_text(struct str error);

#endif
