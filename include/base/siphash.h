/* siphash.h - SipHash-1-3 (Aumasson, Bernstein), a keyed hash for tables whose keys peers choose.
 * A peer that does not know the hash key cannot choose texts that collide.
 * Thread:  any; pure, except that siphash_key_random asks the kernel.
 */
#ifndef EH_BASE_SIPHASH_H
#define EH_BASE_SIPHASH_H

#include <stdint.h>

#include "base/str.h"

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

struct siphash_key siphash_key_random(void); /* aborts if the kernel has no randomness */

/* Hashes the eight bytes of scope followed by s. scope gives equal texts in different places (a
 * parent, a kind) different hashes; 0 if there is only one place. */
uint64_t siphash(const struct siphash_key *key, uint64_t scope, struct str s);

#endif
