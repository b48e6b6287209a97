/* endpoints.h - parses where servers listen: "redis", "10.0.0.5:6380", "[::1]:6379",
 * "/run/redis.sock", or a list: "a:6379, b:6379".
 * Thread:  any; pure.
 * Bounds:  ENDPOINTS_MAX entries; a host of REDIS_HOST_MAX bytes; a path that struct sockaddr_un
 *          holds.
 */
#ifndef EH_APP_ENDPOINTS_H
#define EH_APP_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/str.h"
#include "broker/config.h"

#define ENDPOINTS_MAX     64
#define ENDPOINT_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

struct endpoint_list {
    struct redis_endpoint *at;
    size_t n;
};

/* Reports whether the text is a numeric IPv4 or IPv6 address. */
bool endpoint_is_address(struct str text);
/* Reports whether the text is a name, or an address, which may name its interface
 * (fe80::1%eth0). */
bool endpoint_is_host(struct str text);
/* Reports whether the text is the path of a socket, of any length. */
bool endpoint_is_path(struct str text);

/* Parses a path, or a list of hosts with or without a port. A port follows an IPv6 address only in
 * brackets; spaces may follow a comma. EH_EINVAL: an entry is not a host, or a path is one of
 * several; EH_ELIMIT: too many entries, or a path that is too long. The caller frees the list with
 * endpoint_list_done. */
int endpoint_list_parse(struct str text, uint16_t default_port,
                        struct endpoint_list *ret) EH_MUST_USE;
void endpoint_list_done(struct endpoint_list *list);

/* Returns the first entry of a refused list that is not a host; the whole text if all are. */
struct str endpoint_list_wrong(struct str text);

#endif
