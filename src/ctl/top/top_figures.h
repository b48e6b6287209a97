/* top_figures.h - the figures of `top`: reads a scrape of /metrics?format=json, and
 * computes the changes between two scrapes.
 * Thread:  any; pure.
 * Bounds:  at most TOP_BUCKETS buckets and TOP_REASONS reasons are kept; further ones are ignored.
 */
#ifndef EH_CTL_TOP_FIGURES_H
#define EH_CTL_TOP_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define TOP_BUCKETS  32
#define TOP_REASONS  32
#define TOP_TEXT_MAX 64 /* bytes of a text from the server, with the NUL */

enum top_counter {
    TOP_MESSAGES_IN,  /* publishes that the broker accepted */
    TOP_MESSAGES_OUT, /* deliveries to subscribers */
    TOP_BYTES_IN,
    TOP_BYTES_OUT,
    TOP_SLOW,    /* clients that were dropped because they read too slowly */
    TOP_REFUSED, /* requests and connections, for any reason */
    TOP_COUNTERS
};

struct top_histogram {
    double bound[TOP_BUCKETS];  /* seconds, ascending; the last is infinite */
    uint64_t upto[TOP_BUCKETS]; /* cumulative */
    size_t n;
};

struct top_reason {
    char name[TOP_TEXT_MAX];
    uint64_t count;
};

struct top_reasons {
    struct top_reason at[TOP_REASONS];
    size_t n;
};

/* One scrape. */
struct top_sample {
    uint64_t at_ms;   /* when, by a clock that never goes back */
    uint64_t start_s; /* of the process: another value means that it was restarted */
    uint64_t connections, subscriptions;
    uint64_t counter[TOP_COUNTERS];
    struct top_histogram delivery;
    struct top_reasons refusals;
    bool is_ready;             /* the broker is connected and accepts publishes */
    char master[TOP_TEXT_MAX]; /* the address of Redis; "": none, or the embedded broker */
    uint64_t redis_ms;         /* what the last probe took */
    char version[TOP_TEXT_MAX];
};

/* Reads an answer. False: it is not the metrics of an Eventhub server. */
bool top_sample_parse(struct str json, uint64_t at_ms, struct top_sample *ret);

/* The changes from one scrape to the next. */
struct top_figures {
    double rate[TOP_COUNTERS]; /* per second */
    uint64_t added[TOP_COUNTERS];
    double p50_s, p99_s; /* of deliveries; NAN: there were none; INFINITY: beyond the buckets */
    double largest_s;    /* the largest finite bound */
};

/* False: no time has passed, or the server was restarted in between, so nothing can be said. */
bool top_figures_between(const struct top_sample *before, const struct top_sample *after,
                         struct top_figures *ret);

/* Adds the refusals between the two to `sum`, by reason. */
void top_reasons_add(struct top_reasons *sum, const struct top_sample *before,
                     const struct top_sample *after);

/* Returns the quantile q of what was observed between two states of a histogram, interpolated
 * within its bucket as Prometheus does. NAN: nothing was; INFINITY: it is beyond the last bound. */
double top_quantile(const struct top_histogram *before, const struct top_histogram *after,
                    double q);

#endif
