/* bench_stats.h - what bench has sent and received: finds exactly which messages were lost, doubled
 * or out of order.
 *
 * Each publisher numbers its messages 0, 1, 2, ..., and each subscriber expects each of them once,
 * in this order. A number that is skipped is a hole: if the message comes later it was out of
 * order, if it never comes it was lost. A message that was expected before and fills no hole
 * is doubled.
 * Thread:  its owner's; pure, takes times as parameters.
 * Owns:    its memory: 8 bytes for each pair of a publisher and a subscriber.
 * Bounds:  BENCH_PAIRS_MAX pairs, which the caller checks. BENCH_HOLES_MAX holes: a message that
 *          fills a hole beyond that counts as doubled, and its hole as lost.
 */
#ifndef EH_CTL_BENCH_STATS_H
#define EH_CTL_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

#define BENCH_PAIRS_MAX 10000000
#define BENCH_HOLES_MAX 10000

struct bench_stats;

struct bench_totals {
    uint64_t sent;     /* messages */
    uint64_t expected; /* deliveries: each message to each subscriber */
    uint64_t received; /* deliveries, without doubled ones */
    uint64_t lost;     /* expected and not received; before the end: so far */
    uint64_t doubled;
    uint64_t out_of_order;
};

struct bench_stats *bench_stats_create(size_t n_pubs, size_t n_subs);
void bench_stats_free(struct bench_stats *s);

/* Returns the number of the publisher's next message, which counts as sent. */
uint64_t bench_stats_send(struct bench_stats *s, size_t pub);
/* A subscriber received a message. A number that was never sent is ignored. */
void bench_stats_receive(struct bench_stats *s, size_t sub, size_t pub, uint64_t number,
                         uint64_t latency_ns);

/* Returns how many deliveries are still to come: expected, not received, and not in a hole. */
uint64_t bench_stats_due(const struct bench_stats *s);
void bench_stats_totals(const struct bench_stats *s, struct bench_totals *ret);
const struct histogram *bench_stats_latency(const struct bench_stats *s);

#endif
