/* sign.h - tokens for tests and fuzzing: signs any text as header and payload.
 * Owns:    nothing; the functions return C strings for the caller to free.
 */
#ifndef EH_TESTS_SIGN_H
#define EH_TESTS_SIGN_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

#define SIGN_HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static inline void sign_add_base64url(struct buf *out, struct str s)
{
    char *text = mem_alloc(s.n / 3 * 4 + 5);
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)s.p, (int)s.n);

    while (n && text[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    buf_add(out, text, n);
    free(text);
}

/* Returns "<input>.<signature>"; input should be "<header>.<payload>" in base64url. */
static inline char *sign_input(struct str input, struct str key, const EVP_MD *md)
{
    struct buf out = { 0 };
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char *token;

    if (!HMAC(md, key.p, (int)key.n, (const unsigned char *)input.p, input.n, mac, &n))
        abort();
    buf_add_str(&out, input);
    buf_add_char(&out, '.');
    sign_add_base64url(&out, str_make((const char *)mac, n));
    token = mem_dup(buf_head(&out), buf_used(&out));
    buf_done(&out);
    return token;
}

static inline char *sign_token(struct str header, struct str payload, struct str key,
                               const EVP_MD *md)
{
    struct buf input = { 0 };
    char *token;

    sign_add_base64url(&input, header);
    buf_add_char(&input, '.');
    sign_add_base64url(&input, payload);
    token = sign_input(buf_str(&input), key, md);
    buf_done(&input);
    return token;
}

#endif
