/* mem_log.h - the event log of the memory engine: ids, entries, expiry, and bounds.
 * Thread:  the broker's; pure data. The time is a parameter.
 * Clocks:  ids and the times of entries come from the wall clock, because clients ask for history
 *          by it. It may be set at any time, so entries expire by the monotonic clock.
 * Owns:    a reference to every message that it holds.
 * Purged:  a topic whose whole log was purged keeps one entry, a *mark* with the id of its last
 *          message and without its text, for as long as one of its messages would have lived. So
 *          the topic keeps its log start, and only its own history is incomplete. No reader gets a
 *          mark.
 * Bounds:  MAX_CACHE_LENGTH entries for each topic, or as many as its last publish asked for, and
 *          MEMORY_LIMIT bytes less what the tables hold. Above that, expired entries are removed
 *          first, then the oldest entries of all topics; log_start moves to the last entry that was
 *          removed before it expired.
 */
#ifndef EH_BROKER_MEM_LOG_H
#define EH_BROKER_MEM_LOG_H

#include <stdbool.h>

#include "broker/mem/mem_heap.h"
#include "broker/mem/mem_topics.h"
#include "hub/message.h"

struct mem_now {
    uint64_t wall_ms; /* since the epoch */
    uint64_t mono_ms; /* never steps */
};

struct mem_log_limits {
    uint64_t max_length;    /* entries of a topic; 0: no limit */
    uint64_t default_ttl_s; /* 0: entries never expire */
    uint64_t memory;        /* bytes, bookkeeping included */
};

struct mem_entry {
    struct message *message;
    struct mem_topic *topic;
    uint64_t time;            /* wall clock; compared with `since` */
    struct mem_expiry expiry; /* monotonic */
    bool is_brief;            /* its own ttl is shorter than the default */
    bool is_mark;             /* it stands for messages that were purged */
};

struct mem_log {
    struct mem_log_limits limits;
    struct msgid last;      /* the last id issued */
    struct msgid began;     /* the log start of the empty log */
    struct msgid log_start; /* entries up to here may be missing */
    struct msgid expired;   /* the highest that expired, brief entries left aside */
    uint64_t lead_ms;       /* how far an entry's time ever was ahead of its id, at most */
    uint64_t bytes;
    uint64_t others; /* bytes of the tables that share the limit */
    struct mem_topics topics;
    struct mem_ring all; /* of every topic */
    struct mem_heap expiring;
};

/* Starts an empty log: `last` is <wall_ms>-0, and log_start is the id before it. */
void mem_log_init(struct mem_log *log, const struct mem_log_limits *limits, uint64_t wall_ms);
void mem_log_done(struct mem_log *log);

/* Issues the next id, greater than all before even if the clock steps back. */
struct msgid mem_log_next_id(struct mem_log *log, uint64_t wall_ms);

struct mem_log_options {
    uint64_t ttl_s;      /* 0: the default */
    uint64_t max_length; /* entries of the topic from now on; 0: the default */
    int64_t timestamp;   /* 0: none */
};

/* Appends the message, whose id is the last one issued, and takes a reference of its own. The
 * entry's time is the timestamp, or the id's time if the timestamp is 0 or not usable
 * (hub/eventlog.h). */
void mem_log_add(struct mem_log *log, struct message *m, const struct mem_log_options *options,
                 struct mem_now now);

/* Sets the bytes that the tables hold now, and shrinks the log to the rest of the limit. */
void mem_log_set_others(struct mem_log *log, uint64_t bytes, uint64_t mono_ms);

/* How far a purge has come. {0}: it has not begun. */
struct mem_purge {
    struct msgid upto; /* the last id that the topic had at the beginning */
    uint64_t removed;  /* entries */
};

/* Removes at most max entries of the topic, those that it had when the purge began. From the first
 * call on, no history from before is complete. Returns true if there are more. */
bool mem_log_purge(struct mem_log *log, struct str topic, struct mem_purge *purge, uint64_t mono_ms,
                   size_t max);
/* Returns how many messages a topic has. 0: all were purged, and none came since. */
size_t mem_log_length(const struct mem_topic *topic);

/* Removes at most max expired entries; true: there are more. */
bool mem_log_expire(struct mem_log *log, uint64_t mono_ms, size_t max);

#endif
