#include "proto/ws.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>

#include "proto/utf8.h"

#define BIT_FIN  0x80
#define BITS_RSV 0x70
#define BITS_OP  0x0f
#define BITS_LEN 0x7f
#define LEN_16   126 /* the length is in the next 2 bytes */
#define LEN_64   127 /* ... 8 bytes */

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */

struct head {
    enum ws_opcode op;
    bool fin;
    bool compressed;
    uint64_t n; /* payload bytes */
    uint8_t mask[WS_MASK_LEN];
};

void ws_decoder_init(struct ws_decoder *d)
{
    *d = (struct ws_decoder){ .utf8 = UTF8_START };
}

static bool is_control(enum ws_opcode op)
{
    return op & 0x8;
}

void ws_mask(uint8_t mask[WS_MASK_LEN], char *p, size_t n)
{
    uint64_t eight, key;
    uint8_t old[2 * WS_MASK_LEN];
    size_t i = 0;

    memcpy(old, mask, WS_MASK_LEN);
    memcpy(old + WS_MASK_LEN, mask, WS_MASK_LEN);
    memcpy(&key, old, sizeof(key));
    for (; n - i >= sizeof(eight); i += sizeof(eight)) {
        memcpy(&eight, p + i, sizeof(eight));
        eight ^= key;
        memcpy(p + i, &eight, sizeof(eight));
    }
    for (; i < n; i++)
        p[i] = (char)((uint8_t)p[i] ^ old[i % WS_MASK_LEN]);
    memcpy(mask, old + n % WS_MASK_LEN, WS_MASK_LEN);
}

/* ---- frame heads in ---- */

/* Checks the opcode. Which ones are valid depends on whether a message is open. */
static int check_opcode(const struct ws_decoder *d, enum ws_opcode op, bool fin)
{
    switch (op) {
    case WS_OP_CONT: return d->message_op ? EH_OK : -WS_CLOSE_PROTOCOL;
    case WS_OP_TEXT: return d->message_op ? -WS_CLOSE_PROTOCOL : EH_OK;
    case WS_OP_BINARY:
        if (d->message_op)
            return -WS_CLOSE_PROTOCOL;
        return d->binary ? EH_OK : -WS_CLOSE_UNSUPPORTED;
    case WS_OP_CLOSE:
    case WS_OP_PING:
    case WS_OP_PONG: return fin ? EH_OK : -WS_CLOSE_PROTOCOL;
    }
    return -WS_CLOSE_PROTOCOL;
}

/* Reads the extended length at b, which must be in the shortest form and below 2^63 (RFC 6455
 * 5.2). */
static int read_length(const uint8_t *b, uint8_t len7, uint64_t *ret_n)
{
    uint64_t n64;
    uint16_t n16;

    if (len7 < LEN_16) {
        *ret_n = len7;
        return EH_OK;
    }
    if (len7 == LEN_16) {
        memcpy(&n16, b, sizeof(n16));
        *ret_n = be16toh(n16);
        return *ret_n < LEN_16 ? -WS_CLOSE_PROTOCOL : EH_OK;
    }
    memcpy(&n64, b, sizeof(n64));
    *ret_n = be64toh(n64);
    return *ret_n <= UINT16_MAX || *ret_n > INT64_MAX ? -WS_CLOSE_PROTOCOL : EH_OK;
}

/* Reads the head of a frame (RFC 6455 5.2). Returns its length, 0 for "need more", or minus a close
 * code. The mask of a server's frame is zero, so that unmasking changes nothing. */
static int read_head(const struct ws_decoder *d, const char *p, size_t n, struct head *ret)
{
    static const uint8_t none[WS_MASK_LEN];
    const uint8_t *b = (const uint8_t *)p;
    enum ws_opcode op;
    uint8_t rsv, len7;
    size_t ext = 0, mask_len = d->is_client ? 0 : WS_MASK_LEN;

    if (n < 2)
        return 0;
    op = b[0] & BITS_OP;
    rsv = b[0] & BITS_RSV;
    len7 = b[1] & BITS_LEN;
    if (rsv && rsv != WS_COMPRESSED)
        return -WS_CLOSE_PROTOCOL;
    if (rsv && (!d->deflate || is_control(op) || op == WS_OP_CONT))
        return -WS_CLOSE_PROTOCOL; /* only the first frame of a message may have the bit */
    EH_TRY(check_opcode(d, op, b[0] & BIT_FIN));
    if (!(b[1] & WS_MASKED) != d->is_client) /* RFC 6455 5.1 */
        return -WS_CLOSE_PROTOCOL;
    if (is_control(op) && len7 > WS_CONTROL_MAX)
        return -WS_CLOSE_PROTOCOL;
    if (len7 >= LEN_16)
        ext = len7 == LEN_16 ? 2 : 8;
    if (n < 2 + ext + mask_len)
        return 0;
    EH_TRY(read_length(b + 2, len7, &ret->n));
    ret->op = op;
    ret->fin = b[0] & BIT_FIN;
    ret->compressed = rsv;
    memcpy(ret->mask, mask_len ? b + 2 + ext : none, WS_MASK_LEN);
    return (int)(2 + ext + mask_len);
}

/* ---- payload in ---- */

/* Reads a Close (RFC 6455 5.5.1): empty, or a code and a reason in UTF-8. */
static int read_close(struct str payload, struct ws_event *ret)
{
    ret->close_code = WS_CLOSE_NONE;
    if (payload.n == 0)
        return EH_OK;
    if (payload.n == 1)
        return -WS_CLOSE_PROTOCOL;
    ret->close_code = (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    ret->payload = str_skip(payload, 2);
    if (!ws_close_code_is_valid(ret->close_code))
        return -WS_CLOSE_PROTOCOL;
    return utf8_is_valid(ret->payload) ? EH_OK : -WS_CLOSE_BAD_DATA;
}

static int take_control(struct head *h, char *p, struct ws_event *ret)
{
    size_t len = (size_t)h->n;

    ws_mask(h->mask, p, len);
    *ret = (struct ws_event){ .op = h->op, .payload = str_make(p, len), .last = true };
    if (h->op == WS_OP_CLOSE)
        EH_TRY(read_close(ret->payload, ret));
    return (int)len;
}

static int begin_data(struct ws_decoder *d, const struct head *h, uint64_t max_message)
{
    if (h->n > max_message || d->message_bytes > max_message - h->n)
        return -WS_CLOSE_TOO_BIG;
    if (h->op != WS_OP_CONT) {
        d->message_op = (uint8_t)h->op;
        d->compressed = h->compressed;
    }
    d->message_bytes += h->n;
    d->left = h->n;
    d->fin = h->fin;
    d->in_frame = true;
    memcpy(d->mask, h->mask, WS_MASK_LEN);
    return EH_OK;
}

/* Takes the bytes of the frame's payload that have arrived, possibly none. */
static int take_data(struct ws_decoder *d, char *p, size_t n, struct ws_event *ret)
{
    size_t len = d->left < n ? (size_t)d->left : n;
    enum ws_opcode op = d->message_op;
    bool last;

    ws_mask(d->mask, p, len);
    if (op == WS_OP_TEXT && !d->compressed && !utf8_feed(&d->utf8, p, len))
        return -WS_CLOSE_BAD_DATA;
    d->left -= len;
    d->in_frame = d->left > 0;
    last = d->fin && !d->in_frame;
    if (last) {
        if (d->utf8 != UTF8_START)
            return -WS_CLOSE_BAD_DATA;
        d->message_op = 0;
        d->message_bytes = 0;
    }
    *ret = (struct ws_event){
        .op = op, .payload = str_make(p, len), .last = last, .compressed = d->compressed
    };
    return (int)len;
}

int ws_decode(struct ws_decoder *d, char *p, size_t n, uint64_t max_message, struct ws_event *ret)
{
    struct head h;
    int head_len, len;

    if (n > INT_MAX)
        n = INT_MAX;
    if (d->in_frame)
        return n ? take_data(d, p, n, ret) : 0;
    head_len = read_head(d, p, n, &h);
    if (head_len <= 0)
        return head_len;
    p += head_len;
    n -= (size_t)head_len;
    if (is_control(h.op)) {
        if (n < h.n)
            return 0; /* taken only whole: unread bytes must stay masked */
        len = take_control(&h, p, ret);
    } else {
        EH_TRY(begin_data(d, &h, max_message));
        len = take_data(d, p, n, ret);
    }
    return len < 0 ? len : head_len + len;
}

/* ---- frames out ---- */

size_t ws_encode_head(char out[WS_HEAD_MAX], enum ws_opcode op, uint64_t n)
{
    uint16_t n16 = htobe16((uint16_t)n);
    uint64_t n64 = htobe64(n);

    out[0] = (char)(BIT_FIN | op);
    if (n < LEN_16) {
        out[1] = (char)n;
        return 2;
    }
    if (n <= UINT16_MAX) {
        out[1] = LEN_16;
        memcpy(out + 2, &n16, sizeof(n16));
        return 2 + sizeof(n16);
    }
    out[1] = LEN_64;
    memcpy(out + 2, &n64, sizeof(n64));
    return 2 + sizeof(n64);
}

/* Returns at most max bytes of s, without splitting a character. */
static struct str cut_text(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && ((uint8_t)s.p[max] & 0xc0) == 0x80)
        max--;
    return str_make(s.p, max);
}

size_t ws_encode_close(char out[2 + WS_CONTROL_MAX], int code, struct str reason)
{
    if (code == WS_CLOSE_NONE)
        return ws_encode_head(out, WS_OP_CLOSE, 0);
    reason = cut_text(reason, WS_CONTROL_MAX - 2);
    (void)ws_encode_head(out, WS_OP_CLOSE, 2 + reason.n);
    out[2] = (char)(code >> 8);
    out[3] = (char)(code & 0xff);
    if (reason.n)
        memcpy(out + 4, reason.p, reason.n);
    return 4 + reason.n;
}

/* Refuses the reserved codes 1004-1006 and 1015, and 1016-2999, which are for future extensions. */
bool ws_close_code_is_valid(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* ---- handshake ---- */

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

bool ws_key_is_valid(struct str key)
{
    if (key.n != WS_KEY_LEN || key.p[WS_KEY_LEN - 2] != '=' || key.p[WS_KEY_LEN - 1] != '=')
        return false;
    for (size_t i = 0; i < WS_KEY_LEN - 2; i++) {
        if (!is_base64(key.p[i]))
            return false;
    }
    return true;
}

/* Fetched once for all threads, since that costs more than the hash itself. Never freed. */
static EVP_MD *sha1;

static void fetch_sha1(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

void ws_accept(struct str key, char out[WS_ACCEPT_LEN + 1])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t text[WS_KEY_LEN + sizeof(GUID) - 1];
    uint8_t digest[SHA_DIGEST_LENGTH] = { 0 };

    assert(key.n == WS_KEY_LEN);
    memcpy(text, key.p, WS_KEY_LEN);
    memcpy(text + WS_KEY_LEN, GUID, sizeof(GUID) - 1);
    (void)pthread_once(&once, fetch_sha1);
    /* If OpenSSL is out of memory, the digest stays zero; the client refuses such an answer. */
    if (sha1)
        (void)EVP_Digest(text, sizeof(text), digest, NULL, sha1, NULL);
    (void)EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}
