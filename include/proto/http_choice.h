/* http_choice.h - reads which encodings of a resource a client accepts, and which version of it
 * the client has (RFC 9110 12.5.3, 13.1.2).
 * Thread:  any; pure.
 */
#ifndef EH_PROTO_HTTP_CHOICE_H
#define EH_PROTO_HTTP_CHOICE_H

#include <stdbool.h>

#include "base/str.h"
#include "proto/http.h"

/* Reports whether Accept-Encoding names the content coding, or "*", and not with q=0. Without the
 * field the answer is false. */
bool http_accepts_coding(const struct http_request *rq, struct str coding);

/* Reports whether If-None-Match holds the entity tag, which includes its quotes, or "*". The
 * comparison is weak, as it must be. */
bool http_has_tag(const struct http_request *rq, struct str tag);

#endif
