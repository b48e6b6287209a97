/* tls_tickets.h - the keys that seal the session tickets of one context.
 * Thread:  shared, under a mutex of its own.
 * Rule:    a key seals tickets for the lifetime of a ticket and opens them for as long again; then
 *          the next handshake wipes it. An attacker who reads the process's memory later cannot
 *          open the tickets of old connections, which in TLS 1.2 hold the keys to all their
 *          traffic.
 */
#ifndef EH_NET_TLS_TICKETS_H
#define EH_NET_TLS_TICKETS_H

#include <stdint.h>

#define TLS_TICKET_S 7200 /* seconds that a ticket is valid, and that a key seals */

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls_tickets;

/* Makes the context seal and open its tickets with keys of its own, which it frees when it ends. */
void tls_tickets_use(struct ssl_ctx_st *ctx);

/* ---- the keys alone ---- */

struct tls_ticket_key {
    unsigned char name[16]; /* sent in the clear in each ticket */
    unsigned char cipher[32];
    unsigned char mac[32];
};

enum tls_ticket_age {
    TLS_TICKET_UNKNOWN, /* its key does not exist, or no longer */
    TLS_TICKET_RECENT,
    TLS_TICKET_OLD, /* sealed with the previous key: the client should get a new ticket */
};

struct tls_tickets *tls_tickets_create(void);
void tls_tickets_free(struct tls_tickets *t); /* NULL is fine */

/* Both copy a key, as of now_s (monotonic): seal the key to seal with, open the one named
 * `name`. */
void tls_tickets_seal(struct tls_tickets *t, uint64_t now_s, struct tls_ticket_key *ret);
enum tls_ticket_age tls_tickets_open(struct tls_tickets *t, uint64_t now_s,
                                     const unsigned char name[16], struct tls_ticket_key *ret);

#endif
