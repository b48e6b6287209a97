#include "net/tls_hello.h"

enum { CHANGE_CIPHER_SPEC = 20, HANDSHAKE = 22, APPLICATION_DATA = 23 }; /* 21: alert */

static void use_record(struct tls_hello *h, size_t n)
{
    h->record_left -= (uint32_t)n;
    if (h->record_left == 0)
        h->record_n = 0;
}

static void use_message(struct tls_hello *h, size_t n)
{
    h->message_left -= (uint32_t)n;
    if (h->message_left == 0)
        h->message_n = 0;
}

/* Takes one byte of the head of a record. */
static void take_record(struct tls_hello *h, unsigned char byte)
{
    h->record[h->record_n++] = byte;
    if (h->record_n < sizeof(h->record))
        return;
    h->record_left = (uint32_t)h->record[3] << 8 | h->record[4];
    h->is_over = h->record[0] < CHANGE_CIPHER_SPEC || h->record[0] > APPLICATION_DATA;
    use_record(h, 0);
}

/* Takes one byte of the head of a message. */
static void take_message(struct tls_hello *h, unsigned char byte)
{
    const uint8_t *m = h->message;

    h->message[h->message_n++] = byte;
    use_record(h, 1);
    if (h->message_n < sizeof(h->message))
        return;
    h->message_left = (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
    use_message(h, 0);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Skips bytes that do not belong to a head. */
static size_t skip(struct tls_hello *h, size_t n)
{
    n = least(n, h->record_left);
    if (h->record[0] == HANDSHAKE) {
        n = least(n, h->message_left);
        use_message(h, n);
    }
    use_record(h, n);
    return n;
}

bool tls_hello_fits(struct tls_hello *h, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n && !h->is_over && h->message_left <= TLS_HELLO_MAX;) {
        if (h->record_n < sizeof(h->record))
            take_record(h, p[i++]);
        else if (h->record[0] == HANDSHAKE && h->message_n < sizeof(h->message))
            take_message(h, p[i++]);
        else
            i += skip(h, n - i);
    }
    return h->message_left <= TLS_HELLO_MAX;
}
