/* redis_server.h - a private redis-server for a test, on a free port of 127.0.0.1 and in its own
 * directory. It saves nothing to disk.
 * Thread:  the test's main thread only.
 * Lives:   until redis_server_stop, or until the test ends in whatever way.
 * Fails:   by ending the program with a line on stderr, if the test cannot go on.
 */
#ifndef EH_TESTS_REDIS_SERVER_H
#define EH_TESTS_REDIS_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct redis_server;

struct redis_server *redis_server_start(void); /* NULL: no redis-server on the PATH */
void redis_server_stop(struct redis_server *rs);
uint16_t redis_server_port(const struct redis_server *rs);

void redis_server_kill(struct redis_server *rs);    /* the port is closed */
void redis_server_restart(struct redis_server *rs); /* after a kill: empty, on the same port */
void redis_server_freeze(struct redis_server *rs);  /* accepts connections, answers nothing */
void redis_server_thaw(struct redis_server *rs);

/* Makes the server run, accept connections and be empty, whatever a test did to it. */
void redis_server_reset(struct redis_server *rs);
/* Sends one command, words separated by spaces, on the control connection. It must succeed. */
void redis_server_command(struct redis_server *rs, const char *words);

/* Stores the ids of at most max connections, our own excepted. Returns how many. */
size_t redis_server_clients(struct redis_server *rs, uint64_t *ret_ids, size_t max);
/* Closes these connections and refuses all new ones until redis_server_accept. */
void redis_server_refuse(struct redis_server *rs, const uint64_t *ids, size_t n);
void redis_server_accept(struct redis_server *rs);

#endif
