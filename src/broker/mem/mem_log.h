/* mem_log.h - the embedded broker's event log: ids, entries, expiry, and the bounds of all of it.
 * Thread:  the broker's; pure data, takes the time (ms since the epoch) as a parameter.
 * Owns:    a reference to every message that it holds.
 * Bounds:  MAX_CACHE_LENGTH entries a topic, MEMORY_LIMIT bytes in all, less what the tables beside
 *          it hold: above it what has expired goes first, then the oldest entries of all topics,
 *          and the floor rises to the last of them. mem_read.h reads it.
 */
#ifndef EH_BROKER_MEM_LOG_H
#define EH_BROKER_MEM_LOG_H

#include <stdbool.h>

#include "broker/mem/mem_heap.h"
#include "broker/mem/mem_topics.h"
#include "hub/message.h"

struct mem_log_limits {
    uint64_t max_length;    /* entries a topic; 0: no limit */
    uint64_t default_ttl_s; /* 0: for ever */
    uint64_t memory;        /* bytes, bookkeeping included */
};

struct mem_entry {
    struct message *message;
    struct mem_topic *topic;
    uint64_t time; /* ms; what `since` compares with */
    struct mem_expiry expiry;
};

struct mem_log {
    struct mem_log_limits limits;
    struct msgid last;      /* the last id given */
    struct msgid log_start; /* everything up to here may be missing */
    uint64_t lead_ms;       /* the most that an entry's time ever was ahead of its id */
    uint64_t bytes;
    uint64_t others; /* bytes that what shares the limit holds */
    struct mem_topics topics;
    struct mem_ring all; /* of every topic */
    struct mem_heap expiring;
};

/* Nothing from before now is in it, so last and floor begin at <now_ms>-0. */
void mem_log_init(struct mem_log *log, const struct mem_log_limits *limits, uint64_t now_ms);
void mem_log_done(struct mem_log *log);

/* The next id: greater than all before, also when the clock steps back. */
struct msgid mem_log_next_id(struct mem_log *log, uint64_t now_ms);

/* Appends the message, whose id is the last one given; takes a reference of its own. ttl_s 0: the
 * default; timestamp 0 or not usable (hub/eventlog.h): the id's time. */
void mem_log_add(struct mem_log *log, struct message *m, uint64_t ttl_s, int64_t timestamp,
                 uint64_t now_ms);

/* What shares the limit holds so many bytes now: the log shrinks to the rest. */
void mem_log_set_others(struct mem_log *log, uint64_t bytes, uint64_t now_ms);

/* Removes at most max entries that have expired; true: there are more. */
bool mem_log_expire(struct mem_log *log, uint64_t now_ms, size_t max);

#endif
