/* Property: the verdict is the same whole and byte by byte, and a refused hello stays refused. */
#include <stdint.h>
#include <stdlib.h>

#include "net/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct tls_hello whole = { .is_over = false }, bytes = { .is_over = false };
    bool fits = tls_hello_fits(&whole, p, n);

    for (size_t cut = 0; cut < n; cut++) {
        if (!tls_hello_fits(&bytes, p + cut, 1) && fits)
            abort();
    }
    if (tls_hello_fits(&bytes, NULL, 0) != fits || tls_hello_fits(&whole, p, n) > fits)
        abort();
    return 0;
}
