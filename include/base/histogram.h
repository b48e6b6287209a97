/* histogram.h - a histogram of latencies, accurate to 1/128 of a value: each power of two has 128
 * buckets.
 * Thread:  that of its owner.
 */
#ifndef EH_BASE_HISTOGRAM_H
#define EH_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 128
#define HISTOGRAM_SIZE  (HISTOGRAM_PARTS * 41) /* up to 2^47 ns, more than a day */

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t bucket[HISTOGRAM_SIZE];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* Returns the value that the given share (0 to 1) of all values does not exceed; 0 if empty. */
double histogram_us(const struct histogram *h, double part);

#endif
