/* conn_client.h - which client a connection serves, and whether that client may have another one
 * (MAX_CONNECTIONS_PER_IP).
 * Thread:  the connection's worker; forwarded_find is pure.
 * Rule:    the client is known from the socket, or from the PROXY header, or from each request that
 *          a trusted proxy forwards (TRUSTED_PROXIES, X-Forwarded-For). Proxies are not counted.
 *          The other end of a Unix socket has no address, and is always taken for such a proxy: the
 *          mode of the socket decides who can connect.
 */
#ifndef EH_APP_CONN_CLIENT_H
#define EH_APP_CONN_CLIENT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "net/sock.h"

struct cidr_list;
struct http_request;
struct worker;

struct conn_client {
    struct sock_addr link; /* the other end of the TCP connection, or what its PROXY header names */
    struct sock_addr addr; /* the client: link, or the address that a trusted proxy forwards */
    bool has_tls;          /* encrypted up to this server */
    bool is_internal;      /* accepted by the internal listener: never counted */
    bool is_counted;       /* in context->per_ip, under `addr` */
};

/* Reports whether the address is that of a proxy that may say which client it forwards. */
bool conn_client_is_proxy(const struct cidr_list *trusted, const struct sock_addr *addr);

/* Counts the connection, unless it is counted already. False: the client has MAX_CONNECTIONS_PER_IP
 * connections; the refusal was counted and logged. */
bool conn_client_enter(struct conn_client *cl, struct worker *w) EH_MUST_USE;
/* Counts the connection no longer; does nothing if it is not counted. */
void conn_client_leave(struct conn_client *cl, struct worker *w);

/* Reads the PROXY header, which comes before everything else. Returns its length, which may include
 * bytes to skip that have not arrived yet, or 0 if more of it is needed. EH_EINVAL: it is
 * malformed, which was counted and logged; EH_ELIMIT: the client that it names has too many
 * connections. */
int conn_client_read_proxy(struct conn_client *cl, struct worker *w, struct str in);

/* Finds the client of this request: each request that a proxy forwards may come from another
 * one. */
void conn_client_of_request(struct conn_client *cl, struct worker *w,
                            const struct http_request *rq);
/* Forgets the client between two requests if the connection is a proxy's. */
void conn_client_is_idle(struct conn_client *cl, struct worker *w);

/* Replaces *addr, where the request came from, by the client that X-Forwarded-For names. Each proxy
 * appends the address that it got the request from, and only a trusted one is believed. So the
 * client is the last address, read from the right, that is not a trusted proxy. */
void forwarded_find(const struct cidr_list *trusted, const struct http_request *rq,
                    struct sock_addr *addr);

#endif
