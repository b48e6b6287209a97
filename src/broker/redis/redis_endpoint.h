/* redis_endpoint.h - where a Redis listens: comparing, checking and writing struct redis_endpoint.
 * Thread:  any; pure.
 */
#ifndef EH_BROKER_REDIS_ENDPOINT_H
#define EH_BROKER_REDIS_ENDPOINT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "broker/config.h"

#define REDIS_ENDPOINT_TEXT (REDIS_HOST_MAX + 10) /* [host]:65535 and NUL */

bool redis_endpoint_is_set(const struct redis_endpoint *e);
bool redis_endpoint_equal(const struct redis_endpoint *a, const struct redis_endpoint *b);

/* Sets an endpoint that another server has named. EH_EINVAL: the host is empty, too long, not
 * printable or the path of a socket (nobody may send us to a socket of this machine), or the port
 * is out of range. */
int redis_endpoint_set(struct redis_endpoint *ret, struct str host, uint64_t port) EH_MUST_USE;

/* Writes host:port, [address]:port for IPv6, or the path of a socket. */
void redis_endpoint_format(const struct redis_endpoint *e, char out[REDIS_ENDPOINT_TEXT]);

#endif
