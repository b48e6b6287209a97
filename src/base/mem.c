#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_exhausted(const char *whose)
{
    fprintf(stderr, "eventhub: out of memory (%s)\n", whose);
    abort();
}

static void *checked(void *p, size_t n)
{
    if (!p) {
        fprintf(stderr, "eventhub: out of memory (%zu bytes)\n", n);
        abort();
    }
    return p;
}

void *mem_alloc(size_t n)
{
    return checked(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n)
{
    return checked(calloc(1, n ? n : 1), n);
}

void *mem_realloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1), n);
}

void *mem_array(void *p, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        n = SIZE_MAX;
    return checked(n == SIZE_MAX ? NULL : realloc(p, n ? n : 1), n);
}

size_t mem_size(const void *p)
{
    return malloc_usable_size((void *)(uintptr_t)p);
}

char *mem_dup(const char *p, size_t n)
{
    char *copy = mem_alloc(n + 1);

    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}
