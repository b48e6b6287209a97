/* random.h - random numbers from the kernel, which nobody can predict.
 * Thread:  any.
 * Fails:   never: aborts if the kernel has no randomness.
 */
#ifndef EH_BASE_RANDOM_H
#define EH_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_fill(void *p, size_t n); /* at most 256 bytes, which the kernel never cuts short */
uint64_t random_u64(void);

#endif
