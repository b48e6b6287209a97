/* forwarded.h - who a client behind proxies is: TRUSTED_PROXIES and the field X-Forwarded-For.
 * Thread:  any; pure. 
 * Rule:    each proxy appends the address that it got the request from. What a trusted one says is
 *          believed, so the client is the last address, read from the right, that is not trusted.
 */
#ifndef EH_APP_FORWARDED_H
#define EH_APP_FORWARDED_H

#include "net/cidr.h"
#include "net/sock.h"
#include "proto/http.h"

/* From whom the request is; *peer, which it came from, if no trusted proxy says another. */
void forwarded_find(const struct cidr_list *trusted, const struct http_request *rq,
                    struct sock_addr *peer);

#endif
