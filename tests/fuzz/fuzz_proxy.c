/* Property: every prefix of a header gives the same result or needs more bytes, and a header
 * ends at the same place whatever follows. */
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

    if (want > (int)n || want > PROXY_MAX || (want == 0 && n >= PROXY_MAX))
        abort();
    for (size_t cut = 0; cut < n && cut <= PROXY_MAX; cut++) {
        int rc = proxy_parse(str_make(in.p, cut), &h);

        if (rc < 0 && want >= 0)
            abort(); /* a refused prefix must stay refused */
        if (rc > 0 && (rc != want || cut < (size_t)want))
            abort();
        if (rc == 0 && want > 0 && cut >= (size_t)want)
            abort();
        if (rc > 0)
            check_same(&h, &whole);
    }
    return 0;
}
