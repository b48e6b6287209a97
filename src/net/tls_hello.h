/* tls_hello.h - detects a ClientHello that is too large, before OpenSSL sees it. OpenSSL allocates
 * the whole announced length (at most 175 KB) at once, so a few bytes from anyone would cost that
 * much memory for as long as a handshake may take.
 * Thread:  any; pure.
 * Knows:   records and the heads of the messages in them (RFC 8446, 4 and 5.1), nothing else.
 *          Anything else that is wrong is left to OpenSSL.
 */
#ifndef EH_NET_TLS_HELLO_H
#define EH_NET_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HELLO_MAX 16384 /* bytes; browsers send about 2,000 */

struct tls_hello {
    uint8_t record[5]; /* the head of the current record */
    uint8_t message[4];
    uint8_t record_n, message_n; /* bytes of the heads read so far */
    bool is_over;                /* this is not TLS, or no ClientHello can come now */
    uint32_t record_left, message_left;
};

/* Takes the next bytes from the client, split anywhere. False: they announce a message that is too
 * large. */
bool tls_hello_fits(struct tls_hello *h, const unsigned char *p, size_t n);

#endif
