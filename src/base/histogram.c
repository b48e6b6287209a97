#include "base/histogram.h"

static unsigned place(uint64_t ns)
{
    unsigned shift = ns < HISTOGRAM_PARTS ? 0 : 56 - (unsigned)__builtin_clzll(ns);
    unsigned at = shift * HISTOGRAM_PARTS + (unsigned)(ns >> shift);

    return at < HISTOGRAM_SIZE ? at : HISTOGRAM_SIZE - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->bucket[place(ns)]++;
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

static uint64_t lower_bound(unsigned at)
{
    unsigned shift = at < 2 * HISTOGRAM_PARTS ? 0 : at / HISTOGRAM_PARTS - 1;

    return (uint64_t)(at - shift * HISTOGRAM_PARTS) << shift;
}

double histogram_us(const struct histogram *h, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)h->count);
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += h->bucket[i];
        if (seen > wanted || (seen && seen == h->count))
            return (double)lower_bound(i) / 1000;
    }
    return 0;
}
