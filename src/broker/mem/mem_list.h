/* mem_list.h - answers one page of topics from the log of the memory engine.
 * Thread:  the broker's; the time is a parameter.
 * Bounds:  it compares BROKER_LIST_NAMES names and removes MEM_READ_EXPIRE expired entries.
 */
#ifndef EH_BROKER_MEM_LIST_H
#define EH_BROKER_MEM_LIST_H

#include "broker/call.h"
#include "broker/mem/mem_log.h"

/* Sets list->ret_page (broker/call.h). */
void mem_list(struct mem_log *log, struct broker_list *list, uint64_t mono_ms);

#endif
