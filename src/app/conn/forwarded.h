/* forwarded.h - who a client behind proxies is: TRUSTED_PROXIES and the field X-Forwarded-For.
 * Thread:  any; pure. The list is made once at start and then shared.
 * Rule:    each proxy appends the address that it got the request from. What a trusted one says is
 *          believed, so the client is the last address, read from the right, that is not trusted.
 */
#ifndef EH_APP_FORWARDED_H
#define EH_APP_FORWARDED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "net/sock.h"
#include "proto/http.h"

struct proxies;

/* Addresses and blocks separated by commas. EH_EINVAL: one is none. "" trusts nobody. */
int proxies_create(struct str list, struct proxies **ret) EH_MUST_USE;
void proxies_free(struct proxies *p);

bool proxies_trust(const struct proxies *p, const struct sock_addr *addr);

/* From whom the request is; *peer, which it came from, if no trusted proxy says another. */
void forwarded_find(const struct proxies *trusted, const struct http_request *rq,
                    struct sock_addr *peer);

#endif
