/* sse.h - writes server-sent events (WHATWG HTML, 9.2).
 * Thread:  any; pure.
 * Lines:   a message is split at CR, LF and CRLF, where a reader would end a line, and each line is
 *          a field of its own, so no message can end its event or begin another field. The reader
 *          gets the lines joined by LF.
 */
#ifndef EH_PROTO_SSE_H
#define EH_PROTO_SSE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define SSE_MEDIA_TYPE "text/event-stream"
#define SSE_OK         ":ok\n\n" /* begins every stream */
#define SSE_PING       ":\n\n"   /* an empty comment: keeps idle proxies from closing */
#define SSE_PING_EVENT "event: ping\ndata: {}\n\n" /* a ping that scripts can see */
#define SSE_RETRY_S    5 /* how long a client that is refused for now should wait */
/* How long a client should wait when its stream ends: a time between these, drawn for each stream.
 * So the clients of a server that goes away do not all come back at the same moment. */
#define SSE_RETRY_LEAST_MS 1000
#define SSE_RETRY_MOST_MS  5000
#define SSE_INCOMPLETE     "event: recovered\ndata: {\"recovered\":false}\n\n"

/* Begins an event with its name; sse_add_event completes it. The name is one line. */
void sse_add_name(struct buf *out, struct str name);
/* Adds a message with its id. With an empty id the reader keeps its last one. */
void sse_add_event(struct buf *out, struct str id, struct str message);
/* Adds an event that says that messages of this topic (or pattern) were lost. */
void sse_add_gap(struct buf *out, struct str topic);
/* Adds a comment: readers ignore it, and people who look at the bytes see it. It has one line. */
void sse_add_comment(struct buf *out, const char *text, struct str about);
/* Adds an event that says why there is no stream now. A browser reconnects later. */
void sse_add_refusal(struct buf *out, const char *why, int status);
/* Adds how long the reader should wait before it reconnects; it sees no event. `any` is a random
 * number, which picks the time. */
void sse_add_retry(struct buf *out, uint32_t any);
/* Adds only a position: the reader stores the id and sees no event. */
void sse_add_position(struct buf *out, struct str id);

#endif
