/* one_worker.h - the server without its front door: the embedded broker and one worker, each on its
 * thread, and clients that come by socket pairs. For programs that run many connections in one
 * process (fuzz targets).
 * Thread:  the caller's, one at a time.
 * Fails:   aborts: it is a test that cannot run.
 */
#ifndef EH_TESTS_ONE_WORKER_H
#define EH_TESTS_ONE_WORKER_H

struct one_worker;

enum one_worker_listener { ONE_WORKER_PLAIN, ONE_WORKER_PROXY, ONE_WORKER_LISTENERS };

/* options: as on the command line, ended by NULL; BROKER=memory is set. */
struct one_worker *one_worker_start(const char *const *options);
/* The client's end of a new connection, blocking; the caller closes it. */
int one_worker_connect(struct one_worker *o, enum one_worker_listener from);
void one_worker_stop(struct one_worker *o);

#endif
