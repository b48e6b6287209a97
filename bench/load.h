/* load.h - shared by the kinds of load (load_*.c): options, CPU times, results. Each kind runs in a
 * process with one thread and prints one JSON object.
 */
#ifndef EH_BENCH_LOAD_H
#define EH_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

#define LOAD_PIDS 4

struct load_options {
    uint16_t port;
    uint32_t clients;  /* subscribers, publishers or idle clients, depending on the kind */
    uint32_t topics;   /* over which subscriptions or publishes are spread, in turn */
    uint32_t first;    /* subscribe, publish: the number of the first topic */
    bool patterns;     /* subscribe to b/<i>/+ instead of b/<i>/x */
    uint32_t size;     /* bytes of a message's text */
    uint32_t window;   /* closed loop: messages in flight at a time */
    uint32_t rate;     /* open loop: messages per second; 0: closed loop */
    uint32_t messages; /* storm: number of connections; publish: ends after that many */
    bool gaps;         /* subscribe: asks to be told of gaps */
    const char *point; /* subscribe: the id after which history is wanted; NULL: no history */
    double warmup_s;
    double seconds;
    int pids[LOAD_PIDS]; /* processes whose CPU time is measured; 0: none */
};

typedef int load_fn(const struct load_options *o); /* the exit status */
load_fn load_fanout, load_publish, load_idle, load_stalled, load_storm, load_subscribe, load_ping;

uint64_t load_now_ns(void);

/* CPU times of the processes so far: in total, and of the broker thread. */
struct load_cpu {
    uint64_t total_ns[LOAD_PIDS];
    uint64_t broker_ns[LOAD_PIDS]; /* of the thread whose name is "broker" */
};
void load_cpu_read(const struct load_options *o, struct load_cpu *ret);
/* Prints the differences: "cpu_us":[a,b],"broker_us":[c,d] */
void load_cpu_print(const struct load_options *o, const struct load_cpu *from,
                    const struct load_cpu *to);

#endif
