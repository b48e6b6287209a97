/* still_worker.h - a worker that is not started, with the embedded broker: the test runs its loop,
 * turn by turn, and posts live messages to it as the broker would.
 * Thread:  the test's.
 * Fails:   aborts: it is a test that cannot run.
 */
#ifndef EH_TESTS_STILL_WORKER_H
#define EH_TESTS_STILL_WORKER_H

#include "app/conn/conn.h"
#include "app/sub/sub.h"

struct still_worker {
    struct config config; /* a test may change it before it connects clients */
    struct context context;
    struct metrics_cell broker_cell;
    struct metrics_cell worker_cell;
    struct metrics_cell *workers[1];
    struct listener listener;
    struct worker *worker;
    struct loop_task turn_over;
};

void still_worker_open(struct still_worker *sw, uint64_t max_output_queue);
void still_worker_stop(struct still_worker *sw); /* closes its connections */
void still_worker_free(struct still_worker *sw);

/* A new WebSocket connection, which compresses with that window (0: not at all); *ret_fd is the
 * client's end, which does not block. */
struct conn *still_worker_connect(struct still_worker *sw, uint8_t window_bits, int *ret_fd);
struct sub *still_worker_subscribe(struct conn *c, struct str filter, struct str id, bool gaps);

void still_worker_post(struct still_worker *sw, struct message *m); /* takes the reference */
void still_worker_turn(struct still_worker *sw); /* flushes what was posted and runs one turn */

#endif
