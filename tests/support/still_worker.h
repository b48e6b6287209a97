/* still_worker.h - a worker without a thread, and the embedded broker. The test runs the loop of
 * the worker turn by turn, and posts live messages to it as the broker would.
 * Thread:  the test's.
 * Fails:   a step that fails aborts the test program.
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

/* Opens a connection that has not made a request. *ret_fd is as below. */
struct conn *still_worker_accept(struct still_worker *sw, int *ret_fd);
/* Opens a WebSocket connection that compresses with that window (0: not at all). *ret_fd is the
 * client's end, which is non-blocking. */
struct conn *still_worker_connect(struct still_worker *sw, uint8_t window_bits, int *ret_fd);
struct sub *still_worker_subscribe(struct conn *c, struct str filter, struct str id, bool gaps);

void still_worker_post(struct still_worker *sw, struct message *m); /* takes the reference */
void still_worker_turn(struct still_worker *sw); /* flushes the posted messages and runs one turn */

#endif
