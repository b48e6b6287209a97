/* mem.h - the memory engine: the log (mem_log.h) and the tables (mem_table.h) of a node that has no
 * Redis. Everything is in this process, so the engine is always ready.
 * Thread:  the broker's.
 */
#ifndef EH_BROKER_MEM_MEM_H
#define EH_BROKER_MEM_MEM_H

#include "broker/core.h"

extern const struct engine_ops mem_engine;

#endif
