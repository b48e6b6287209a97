/* proxy.h - the PROXY protocol, versions 1 and 2: what a load balancer says about the client before
 * the client's own bytes.
 * Thread:  any; pure: no I/O, no allocation.
 * Limits:  a version 1 line has at most PROXY_V1_MAX bytes; of version 2, addresses and TLVs (which
 *          are skipped) at most PROXY_V2_BODY_MAX.
 */
#ifndef EH_PROTO_PROXY_H
#define EH_PROTO_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PROXY_V1_MAX      107
#define PROXY_V2_HEAD     16
#define PROXY_V2_BODY_MAX (216 + 2048)
#define PROXY_MAX         (PROXY_V2_HEAD + PROXY_V2_BODY_MAX)

struct proxy_header {
    bool has_source; /* false (UNKNOWN, LOCAL, no IP): the socket's own address counts */
    uint8_t ip[16];  /* the client's; IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
};

/* `in` begins at the connection's first byte and holds all that came so far. Returns the bytes of
 * the header, 0 for "need more" (all of `in` is of the header then), or EH_EINVAL: it is none,
 * known at the first byte that cannot stand there or at the end of a line. *ret is set when it is >
 * 0. */
int proxy_parse(struct str in, struct proxy_header *ret) EH_MUST_USE;

#endif
