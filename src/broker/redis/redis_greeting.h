/* redis_greeting.h - the first commands of a connection: AUTH, CLIENT SETNAME, SELECT, INFO, SCRIPT
 * LOAD; and their answers.
 * Thread:  the broker's.
 * Cost:    one round trip in all: it is written before the socket has connected.
 * Owns:    what it learns from the answers: the server's INFO and the SHA-1 of each script. It is
 *          part of its link's struct.
 * Fails:   by on_end with a reason, which is gone after the call. An error of CLIENT SETNAME or
 *          INFO (no right, or no such command) is not a failure: then the server stays unknown.
 * Refuses: a replica or a Sentinel, if INFO identifies it, unless takes_replicas is set: another
 *          address may lead to the master, or the source may know it. Also an active replica of
 *          KeyDB, with the reason REDIS_ACTIVE_REPLICA: two such servers issue the same ids.
 */
#ifndef EH_BROKER_REDIS_GREETING_H
#define EH_BROKER_REDIS_GREETING_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_wire.h"

#define REDIS_SHA_TEXT 40
#define REDIS_ACTIVE_REPLICA                                                                       \
    "this is an active replica of KeyDB: several servers accept writes, so ids would not be "      \
    "unique"

struct redis_greeting {
    const char *name;          /* of the connection, for CLIENT LIST */
    struct redis_login *login; /* read for each greeting; NULL: none */
    unsigned db;
    bool loads_scripts;
    bool takes_replicas;
    struct redis_wire *wire;
    void (*on_end)(void *owner, const char *why); /* NULL: greeted. Called once for each start */
    void *owner;

    size_t n_left; /* commands that are not answered yet; 0: not greeting */
    struct redis_info info;
    char shas[SCRIPT_COUNT][REDIS_SHA_TEXT];
};

/* Writes all commands at once. They come back to the greeting whatever their fate, but on_end is
 * not called when the connection is lost. */
void redis_greeting_start(struct redis_greeting *g);
/* Fills in the SHA-1 of a script command. */
void redis_greeting_name_script(const struct redis_greeting *g, struct redis_command *c);

#endif
