/* revoked.h - the tokens that were revoked: one by its `jti`, or all of a `sub` that were issued
 * before a time. All workers ask it, and the broker fills it (docs/ARCHITECTURE.md).
 * Thread:  shared. A mutex guards the entries; it is held for one look-up, or while REVOKED_STEP
 *          slots are walked. While nothing is revoked, revoked_has takes no lock.
 * Owns:    copies of the texts.
 * Bounds:  `max` entries with names of REVOKED_NAME_MAX bytes. An entry ends at its until_ms.
 * Pure:    times are parameters, in ms since the epoch.
 */
#ifndef EH_HUB_REVOKED_H
#define EH_HUB_REVOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define REVOKED_MAX      100000
#define REVOKED_NAME_MAX 256  /* bytes of a `jti` or a `sub` */
#define REVOKED_STEP     4096 /* slots that are walked at once */

struct revoked;

enum revoked_kind { REVOKED_ID, REVOKED_SUB };

struct revocation {
    enum revoked_kind kind;
    struct str name;    /* the `jti` or the `sub`: 1 to REVOKED_NAME_MAX bytes */
    uint64_t before_ms; /* SUB: tokens issued earlier are revoked; ID: 0 */
    uint64_t until_ms;  /* when the last of these tokens has expired */
};

struct revoked *revoked_create(size_t max);
void revoked_free(struct revoked *r); /* NULL is fine */

/* Adds an entry. Of two entries for the same name, the later times count. `mark` is for
 * revoked_take_unmarked; 0: none. EH_ELIMIT: there are `max` entries. EH_EINVAL: the name is empty
 * or too long. */
int revoked_add(struct revoked *r, const struct revocation *v, uint32_t mark) EH_MUST_USE;
/* Reports whether a token is revoked. Empty: it has no jti or sub. issued_ms 0: it has no iat, and
 * counts as issued before everything. */
bool revoked_has(struct revoked *r, struct str jti, struct str sub, uint64_t issued_ms,
                 uint64_t now_ms);

/* Removes entries that have ended. Each call walks REVOKED_STEP slots and goes on where the last
 * one stopped. Returns false when it has come to the end of the table; the next call begins
 * again. */
bool revoked_expire(struct revoked *r, uint64_t now_ms);
size_t revoked_count(struct revoked *r);
/* Returns a number that grows when tokens are revoked: connections must then be looked at. */
uint32_t revoked_changes(struct revoked *r);

/* Takes copies of at most `max` entries that have not ended and have another mark, and gives them
 * this one. `texts`, which is emptied, holds their names. With the same mark, a call goes on where
 * the last one stopped; at the end of the table it returns 0, and the next one begins again.
 * Entries that move meanwhile may be left out. One thread calls it. */
size_t revoked_take_unmarked(struct revoked *r, uint32_t mark, uint64_t now_ms,
                             struct revocation *ret, size_t max, struct buf *texts);

#endif
