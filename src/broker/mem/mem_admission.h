/* mem_gate.h - what a publish to the embedded broker must pass: the same with its key was not done
 * yet, and its publisher's limit is not reached.
 * Thread:  the broker's; takes the time as a parameter, ms of any clock that never steps back.
 * Bounds:  two tables of `memory` bytes together. Where one is full, a publish that needs it is
 *          stopped: nothing is done twice or uncounted.
 */
#ifndef EH_BROKER_MEM_ADMISSION_H
#define EH_BROKER_MEM_ADMISSION_H

#include "base/buf.h"
#include "broker/call.h"
#include "broker/mem/mem_table.h"

struct mem_admission {
    struct mem_table once;   /* topic and key to the first id */
    struct mem_table counts; /* rule and publisher to how many passed */
    struct buf name;         /* of an item in them, while it is looked for */
};

void mem_admission_init(struct mem_admission *g, uint64_t memory);
void mem_admission_done(struct mem_admission *g);

/* True: the publish is not to be done, but answered with *ret_status (DONE: repeated, LIMITED,
 * FULL), which is in p. */
bool mem_admission_stops(struct mem_admission *g, struct broker_publish *p, uint64_t now_ms,
                         enum broker_status *ret_status);
/* It passed at now_ms and was done, with p->ret_id. True: that changed what the gate holds. */
bool mem_admission_note(struct mem_admission *g, const struct broker_publish *p, uint64_t now_ms);

uint64_t mem_admission_bytes(const struct mem_admission *g);
/* Removes at most max items that have expired from each table; true: there are more. */
bool mem_admission_expire(struct mem_admission *g, uint64_t now_ms, size_t max);

#endif
