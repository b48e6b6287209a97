/* tls_tickets.h - the keys that the session tickets of one context are sealed with.
 * Thread:  shared, under a mutex of its own.
 * Rule:    a key seals for as long as a ticket is good, and opens for as long again; then it is
 *          wiped, by the next handshake. So whoever gets at the memory of a process cannot open the
 *          tickets of old connections, which with TLS 1.2 hold the keys to all that was said.
 */
#ifndef EH_NET_TLS_TICKETS_H
#define EH_NET_TLS_TICKETS_H

#include <stdint.h>

#define TLS_TICKET_S 7200 /* seconds that a ticket is good, and that a key seals */

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls_tickets;

/* The context seals and opens its tickets so, and frees the keys in its end. */
void tls_tickets_use(struct ssl_ctx_st *ctx);

/* ---- the keys alone ---- */

struct tls_ticket_key {
    unsigned char name[16]; /* stands in the ticket, for all to see */
    unsigned char cipher[32];
    unsigned char mac[32];
};

enum tls_ticket_age {
    TLS_TICKET_UNKNOWN, /* sealed with no key that is there (any more) */
    TLS_TICKET_RECENT,
    TLS_TICKET_OLD, /* sealed with the key before: time for another ticket */
};

struct tls_tickets *tls_tickets_create(void);
void tls_tickets_free(struct tls_tickets *t); /* NULL is fine */

/* Copies, at now_s (monotonic): the key to seal with, and the one that sealed. */
void tls_tickets_seal(struct tls_tickets *t, uint64_t now_s, struct tls_ticket_key *ret);
enum tls_ticket_age tls_tickets_open(struct tls_tickets *t, uint64_t now_s,
                                     const unsigned char name[16], struct tls_ticket_key *ret);

#endif
