/* proxy.h - the PROXY protocol, versions 1 and 2: a load balancer's header about the client, sent
 * before the client's own bytes.
 * Thread:  any; pure: no I/O, no allocation.
 * Limits:  a version 1 line has at most PROXY_V1_MAX bytes. A version 2 header may be as long as
 *          its length field allows (64 KiB), but only the first PROXY_V2_MAX bytes are read:
 *          everything after the addresses (TLVs, or a Unix socket's path) is skipped.
 */
#ifndef EH_PROTO_PROXY_H
#define EH_PROTO_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PROXY_V1_MAX  107
#define PROXY_V2_HEAD 16
#define PROXY_V2_MAX  (PROXY_V2_HEAD + 36) /* with IPv6 addresses and ports */
#define PROXY_MAX     PROXY_V1_MAX         /* as many bytes decide every header */

struct proxy_header {
    bool has_source; /* false (UNKNOWN, LOCAL, no IP): use the address of the socket */
    uint8_t ip[16];  /* of the client; IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
};

/* Parses the header. `in` begins at the connection's first byte and holds its first PROXY_MAX
 * bytes, or as many as were received. Returns the length of the header, which may include bytes to
 * skip that have not arrived yet; 0 for "need more" (all of `in` belongs to the header); or
 * EH_EINVAL: it is not a header, which shows at the first wrong byte or at the end of a line. *ret
 * is set if the result is > 0. */
int proxy_parse(struct str in, struct proxy_header *ret) EH_MUST_USE;

#endif
