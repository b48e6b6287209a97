/* histogram.h - latencies, exact to 1/128 of their size: a bucket for each power of two, parted in
 * 128. Thread: its owner's. */
#ifndef EH_BENCH_HISTOGRAM_H
#define EH_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 128
#define HISTOGRAM_SIZE  (HISTOGRAM_PARTS * 41) /* up to 2^47 ns, more than a day */

struct histogram {
    uint64_t count;
    uint64_t bucket[HISTOGRAM_SIZE];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The value that the given part of all (0 to 1) does not exceed; 0 when empty. */
double histogram_us(const struct histogram *h, double part);

#endif
