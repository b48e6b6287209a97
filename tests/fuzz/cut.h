/* cut.h - where a fuzz target cuts its input in two. */
#ifndef EH_TESTS_FUZZ_CUT_H
#define EH_TESTS_FUZZ_CUT_H

#include <stddef.h>
#include <stdint.h>

/* Returns an offset from 0 to n. It looks random, but is always the same for the same input. */
static inline size_t choose_cut(const uint8_t *p, size_t n)
{
    uint32_t hash = (uint32_t)n;

    for (size_t i = 0; i < n; i++)
        hash = hash * 31 + p[i];
    return hash % (n + 1);
}

#endif
