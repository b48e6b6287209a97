/* outq.h - what a stream has still to send: units, each a small head of its own and a view into
 * something shared.
 * Thread:  its stream's.
 * Owns:    a reference to every body.
 * Lives:   while something waits. Its place is a `struct outq *` of the stream, NULL when empty:
 *          who has something to add creates it, consuming or discarding its last unit frees it.
 */
#ifndef EH_NET_OUTQ_H
#define EH_NET_OUTQ_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/shared.h"
#include "base/str.h"

struct outq;

/* What it takes of the heap is counted in *waiting (loop.h) for all of its life: its own memory,
 * and bodies that no other queue holds. */
struct outq *outq_create(size_t *waiting);

/* One unit; see stream_send. */
void outq_add(struct outq **q, struct str head, struct shared *owner, struct str body);
/* Bytes without unit bounds; see stream_write. */
void outq_append(struct outq **q, struct str bytes);

/* What comes next, as at most `most` (>= 2) pieces. Returns how many; *ret_bytes is their sum. */
size_t outq_gather(struct outq *q, struct iovec *iov, size_t most, size_t *ret_bytes);
/* Copies what comes next, at most cap bytes; returns how many. */
size_t outq_copy(struct outq *q, char *to, size_t cap);
/* n bytes are gone: drops whole units, and the start of the one that went in part. */
void outq_consume(struct outq **q, size_t n);
void outq_discard(struct outq **q); /* drops every unit of which nothing is gone */
void outq_free(struct outq **q);

size_t outq_cost(const struct outq *q); /* as stream.h counts it */

#endif
