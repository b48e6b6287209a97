/* Property: PROXY_MAX bytes decide every header. Every prefix of them gives the same result or
 * needs more bytes, and a header ends at the same place whatever follows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_same(const struct proxy_header *a, const struct proxy_header *b)
{
    if (a->has_source != b->has_source)
        abort();
    if (a->has_source && (memcmp(a->ip, b->ip, sizeof(a->ip)) != 0 || a->port != b->port))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str in = str_make((const char *)p, n);
    struct proxy_header whole, h;
    int want = proxy_parse(in, &whole);

    if (want > PROXY_V2_HEAD + 65535 || (want == 0 && n >= PROXY_MAX))
        abort();
    for (size_t cut = 0; cut < n && cut <= PROXY_MAX; cut++) {
        int rc = proxy_parse(str_make(in.p, cut), &h);

        if (rc != 0 && rc != want)
            abort(); /* a decided prefix must stay decided */
        if (rc == 0 && want > 0 && (cut >= (size_t)want || cut >= PROXY_MAX))
            abort();
        if (rc > 0)
            check_same(&h, &whole);
    }
    return 0;
}
