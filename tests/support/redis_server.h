/* redis_server.h - a private redis-server for a test: a free port of 127.0.0.1, an own directory,
 * nothing on disk. It ends with redis_server_stop, and with the test however that ends.
 * Thread:  the test's main thread alone.
 * Fails:   what the test cannot do without ends the program with a line on stderr.
 */
#ifndef EH_TESTS_REDIS_SERVER_H
#define EH_TESTS_REDIS_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct redis_server;

struct redis_server *redis_server_start(void); /* NULL: there is no redis-server on the PATH */
void redis_server_stop(struct redis_server *rs);
uint16_t redis_server_port(const struct redis_server *rs);

void redis_server_kill(struct redis_server *rs);    /* nobody listens any more */
void redis_server_restart(struct redis_server *rs); /* after a kill: empty, on the same port */
void redis_server_freeze(struct redis_server *rs);  /* takes connections, answers nothing */
void redis_server_thaw(struct redis_server *rs);

/* Whatever a test did to it: it runs, takes connections and is empty. */
void redis_server_reset(struct redis_server *rs);
/* One command, words separated by spaces, on the control connection; it must succeed. */
void redis_server_command(struct redis_server *rs, const char *words);

/* Connections of others: their ids, at most max; returns how many. */
size_t redis_server_clients(struct redis_server *rs, uint64_t *ret_ids, size_t max);
/* Cuts these connections, and refuses all new ones until redis_server_accept. */
void redis_server_refuse(struct redis_server *rs, const uint64_t *ids, size_t n);
void redis_server_accept(struct redis_server *rs);

#endif
