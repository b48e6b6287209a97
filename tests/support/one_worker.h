/* one_worker.h - the embedded broker and one worker, each on its own thread; clients connect through
 * socket pairs instead of listening sockets. For programs that run many connections in one process
 * (fuzz targets).
 * Thread:  the caller's, one at a time.
 * Fails:   aborts, since the test cannot run.
 */
#ifndef EH_TESTS_ONE_WORKER_H
#define EH_TESTS_ONE_WORKER_H

struct one_worker;

enum one_worker_listener { ONE_WORKER_PLAIN, ONE_WORKER_PROXY, ONE_WORKER_LISTENERS };

/* The options are written as on the command line and end with NULL; BROKER=memory is set. */
struct one_worker *one_worker_start(const char *const *options);
/* Returns the client's end of a new connection. It is blocking, and the caller closes it. */
int one_worker_connect(struct one_worker *o, enum one_worker_listener from);
void one_worker_stop(struct one_worker *o);

#endif
