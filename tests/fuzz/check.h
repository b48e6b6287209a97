/* What a fuzz target claims: what is not so ends the program, and libFuzzer keeps the input. */
#ifndef EH_TESTS_FUZZ_CHECK_H
#define EH_TESTS_FUZZ_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

#endif
