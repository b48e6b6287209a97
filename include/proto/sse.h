/* sse.h - the text of server-sent events (WHATWG HTML, 9.2).
 * Thread:  any; pure.
 * Lines:   a message is split at CR, LF and CRLF, where a reader would end a line, and each line is
 * a field of its own: no message can end its event or begin another field. The reader gets its
 *          lines joined by LF.
 */
#ifndef EH_PROTO_SSE_H
#define EH_PROTO_SSE_H

#include "base/buf.h"
#include "base/str.h"

#define SSE_MEDIA_TYPE "text/event-stream"
#define SSE_OK         ":ok\n\n" /* what a stream begins with */
#define SSE_PING       ":\n\n"   /* a comment: keeps proxies awake, means nothing */
#define SSE_INCOMPLETE "event: recovered\ndata: {\"recovered\":false}\n\n"

/* A message under its id; without one (empty) the reader's last id stays what it is. */
void sse_add_event(struct buf *out, struct str id, struct str message);
/* Messages of this topic (or pattern) were lost. */
void sse_add_gap(struct buf *out, struct str topic);
/* A position alone: the reader notes the id and gets no event. */
void sse_add_position(struct buf *out, struct str id);

#endif
