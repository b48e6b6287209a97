/* siphash.h - a keyed hash for tables whose keys peers choose: SipHash-1-3 (Aumasson, Bernstein).
 * Without the key nobody can choose texts that collide.
 * Thread:  any; pure, but for siphash_key_random, which asks the kernel once.
 */
#ifndef EH_BASE_SIPHASH_H
#define EH_BASE_SIPHASH_H

#include <stdint.h>

#include "base/str.h"

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

struct siphash_key siphash_key_random(void); /* aborts where the kernel has no randomness */

/* The hash of the eight bytes of scope followed by s. scope is what keeps equal texts in different
 * places apart (a parent, a kind); 0 where there is none. */
uint64_t siphash(const struct siphash_key *key, uint64_t scope, struct str s);

#endif
