#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *p, size_t n)
{
    while (getrandom(p, n, 0) != (ssize_t)n) {
        if (errno == EINTR)
            continue;
        perror("eventhub: getrandom");
        abort();
    }
}

uint64_t random_u64(void)
{
    uint64_t random;

    random_fill(&random, sizeof(random));
    return random;
}
