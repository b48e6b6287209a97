/* mem_admission.h - decides whether the memory engine executes a publish: its key must be new, and
 * its publisher's limit not reached.
 * Thread:  the broker's; the time is a parameter, in ms of any clock that never steps back.
 * Bounds:  two tables of `memory` bytes together. When a table is full, a publish that needs it is
 *          refused: nothing is done twice or uncounted.
 */
#ifndef EH_BROKER_MEM_ADMISSION_H
#define EH_BROKER_MEM_ADMISSION_H

#include "base/buf.h"
#include "broker/call.h"
#include "broker/mem/mem_table.h"

struct mem_admission {
    struct mem_table once;   /* topic and key -> the first id */
    struct mem_table counts; /* rule and publisher -> how many were admitted */
    struct buf name;         /* scratch: the name of an item of these tables */
};

void mem_admission_init(struct mem_admission *a, uint64_t memory);
void mem_admission_done(struct mem_admission *a);

/* Returns true if the publish must not be executed. Its answer is then *ret_status (DONE for a
 * repeat, LIMITED or FULL), and the rest of the answer is in p. */
bool mem_admission_stops(struct mem_admission *a, struct broker_publish *p, uint64_t now_ms,
                         enum broker_status *ret_status);
/* Records that the publish was admitted at now_ms and executed with p->ret_id. Returns true if this
 * changed mem_admission_bytes. */
bool mem_admission_note(struct mem_admission *a, const struct broker_publish *p, uint64_t now_ms);

uint64_t mem_admission_bytes(const struct mem_admission *a);
/* Removes at most max expired items from each table; true: there are more. */
bool mem_admission_expire(struct mem_admission *a, uint64_t now_ms, size_t max);

#endif
