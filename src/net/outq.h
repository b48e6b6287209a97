/* outq.h - a stream's output queue: units, each of them a small head and a view into a shared
 * block.
 * Thread:  its stream's.
 * Owns:    a reference to every body.
 * Lives:   while it holds a unit. The stream has a `struct outq *`, which is NULL while the queue
 *          is empty: the caller creates the queue before it adds the first unit, and consuming or
 *          discarding the last unit frees it.
 */
#ifndef EH_NET_OUTQ_H
#define EH_NET_OUTQ_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/shared.h"
#include "base/str.h"

struct outq;

/* Its heap memory is counted in *waiting (loop_waiting) as long as it lives: the queue itself, and
 * bodies that no other queue holds. */
struct outq *outq_create(size_t *waiting);

/* Adds one unit; see stream_send. */
void outq_add(struct outq **q, struct str head, struct shared *owner, struct str body);
/* Adds bytes without unit boundaries; see stream_write. */
void outq_append(struct outq **q, struct str bytes);

/* Describes the next bytes to send in at most `most` (>= 2) pieces. Returns the number of pieces;
 * *ret_bytes is their total length. */
size_t outq_gather(struct outq *q, struct iovec *iov, size_t most, size_t *ret_bytes);
/* Copies the next bytes to send, at most cap; returns how many. */
size_t outq_copy(struct outq *q, char *to, size_t cap);
/* Removes n bytes that were sent: whole units, and the start of the one sent in part. */
void outq_consume(struct outq **q, size_t n);
void outq_discard(struct outq **q); /* drops every unit of which nothing was sent */
void outq_free(struct outq **q);

size_t outq_cost(const struct outq *q); /* as stream.h defines it */

#endif
