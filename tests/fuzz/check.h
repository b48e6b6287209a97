/* check.h - ends the program if a property of a fuzz target does not hold; libFuzzer then keeps the
 * input. */
#ifndef EH_TESTS_FUZZ_CHECK_H
#define EH_TESTS_FUZZ_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

#endif
