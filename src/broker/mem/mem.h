/* mem.h - the memory engine: everything in this process, for a node without Redis. */
#ifndef EH_BROKER_MEM_MEM_H
#define EH_BROKER_MEM_MEM_H

#include "broker/core.h"

extern const struct engine_ops mem_engine;

#endif
