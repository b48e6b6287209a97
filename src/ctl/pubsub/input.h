/* input.h - reads a descriptor of any kind on the loop: pipe, terminal, socket or regular file.
 * Thread:  its loop's.
 * Borrows: the descriptor, which stays open and as it is (blocking).
 * Lives:   inside its user's struct. No callback comes after input_close.
 * Bounds:  one read of at most LOOP_SCRATCH bytes per turn; nothing is buffered.
 */
#ifndef EH_CTL_INPUT_H
#define EH_CTL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/loop.h"

struct input;

struct input_events {
    /* Bytes arrived, in the loop's scratch buffer; they are gone after the call. */
    void (*on_data)(struct input *in, const char *p, size_t n);
    /* The input ended (err 0) or cannot be read (an errno). Comes once; the user closes it. */
    void (*on_end)(struct input *in, int err);
};

struct input {
    struct loop_io io;      /* watched, if epoll takes the descriptor */
    struct loop_task again; /* reads in the next turn, if it does not */
    struct loop *loop;
    const struct input_events *events;
    int fd; /* -1: closed */
    bool is_paused;
};

int input_open(struct input *in, struct loop *lp, int fd,
               const struct input_events *events) EH_MUST_USE; /* EH_EIO: errno */
void input_close(struct input *in);                            /* may be called twice */

void input_pause(struct input *in); /* no more on_data until input_resume; both may be repeated */
void input_resume(struct input *in);

#endif
