/* mem_read.h - answers one page of history from the embedded log.
 * Thread:  the broker's; takes the time (ms since the epoch) as a parameter.
 * How:     the rings of the topics that the filter matches are merged by id; where they make up
 *          half of the log or more, the ring over all topics is read and each entry matched. So
 *          it is above BROKER_MAX_TOPICS of them (or MEM_READ_NAMES names to look at): then all is
 *          found, but ret_complete is false.
 * Bounds:  a page that passes MEM_READ_SKIP entries which it does not want returns early, with
 *          ret_more and `after` at the last one passed: one client cannot hold up the thread.
 *          Looking for the `newest` gives up after MEM_READ_SKIP_BACK and says so in ret_complete.
 */
#ifndef EH_BROKER_MEM_READ_H
#define EH_BROKER_MEM_READ_H

#include "broker/call.h"
#include "broker/mem/mem_log.h"

#define MEM_READ_NAMES     100000
#define MEM_READ_SKIP      20000
#define MEM_READ_SKIP_BACK 200000

void mem_read(struct mem_log *log, struct broker_history *h, uint64_t now_ms);

/* The same question where no log is kept: cut and since are settled, nothing comes back. */
void mem_read_nothing(const struct mem_log *log, struct broker_history *h, uint64_t now_ms);

#endif
