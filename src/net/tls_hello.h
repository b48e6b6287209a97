/* tls_hello.h - watches what a client sends before anything is encrypted, for a ClientHello that is
 * too large: OpenSSL takes memory for all of one (175 KB at most) as soon as it is announced, so
 * that a few bytes of anybody would cost that much for as long as a handshake may take.
 * Thread:  any; pure.
 * Knows:   records and the heads of the messages in them (RFC 8446, 4 and 5.1), nothing else. What
 *          is wrong in any other way is left to OpenSSL.
 */
#ifndef EH_NET_TLS_HELLO_H
#define EH_NET_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HELLO_MAX 16384 /* bytes; browsers send about 2,000 */

struct tls_hello {
    uint8_t record[5]; /* the head of the record under way */
    uint8_t message[4];
    uint8_t record_n, message_n; /* how much of the heads is there */
    bool is_over;                /* this is no TLS, or no ClientHello can come any more */
    uint32_t record_left, message_left;
};

/* The next bytes of the client, cut anywhere. False: they announce a message that is too large. */
bool tls_hello_fits(struct tls_hello *h, const unsigned char *p, size_t n);

#endif
