/* Input that begins with 'p' is a payload, with 'h' a header, a newline and a payload: both are
 * signed with the key, so that what lies behind the signature is reached. All else is a token. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../support/sign.h"
#include "hub/auth.h"
#include "hub/topic.h"

#define NOW 1000000
#define KEY STR("the secret of the tests")

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char *token_from(struct str input)
{
    struct str header = STR(SIGN_HS256), payload;

    if (input.n == 0 || (input.p[0] != 'p' && input.p[0] != 'h'))
        return mem_dup(input.p, input.n);
    payload = str_skip(input, 1);
    if (input.p[0] == 'h' && !str_cut(&payload, '\n', &header))
        abort();
    return sign_token(header, payload, KEY, EVP_sha256());
}

static void check_taken(struct str token, const struct auth *a)
{
    struct auth *other = NULL;
    const char *why;

    if (auth_expires(a) != 0 && auth_expires(a) <= NOW)
        abort();
    if (auth_sub(a).n > AUTH_SUB_MAX)
        abort();
    if (auth_allows(a, AUTH_READ, STR("#")) && !auth_allows(a, AUTH_READ, STR("a/+/c")))
        abort();
    (void)auth_allows(a, AUTH_WRITE, STR("a/b"));
    if (auth_verify(token, STR("another secret"), NOW, &other, &why) == EH_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char *text = token_from(str_make((const char *)p, n));
    bool is_signed = n && (p[0] == 'p' || p[0] == 'h');
    struct str token = { text, is_signed ? strlen(text) : n };
    struct auth *a = NULL;
    const char *why = NULL;
    int rc = auth_verify(token, KEY, NOW, &a, &why);

    if ((rc == EH_OK) != (a != NULL) || (rc == EH_OK) != (why == NULL))
        abort();
    if (a)
        check_taken(token, a);
    auth_free(a);
    free(text);
    return 0;
}
