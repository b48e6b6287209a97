#include "ctl/bench/bench_stats.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* Messages that a subscriber has not received, although it has a later one. */
struct hole {
    size_t pair;
    uint64_t from, to; /* [from, to) */
};

struct bench_stats {
    size_t n_pubs;
    size_t n_subs;
    uint64_t *sent; /* of each publisher */
    uint64_t *next; /* of each pair: the number that is expected next */
    uint64_t n_sent, received, doubled, out_of_order;
    uint64_t missing; /* in holes, also in those that were not noted */
    struct hole *holes;
    size_t n_holes;
    struct histogram latency;
};

struct bench_stats *bench_stats_create(size_t n_pubs, size_t n_subs)
{
    struct bench_stats *s = mem_zalloc(sizeof(*s));

    s->n_pubs = n_pubs;
    s->n_subs = n_subs;
    s->sent = mem_zalloc(n_pubs * sizeof(s->sent[0]));
    s->next = mem_zalloc(n_pubs * n_subs * sizeof(s->next[0]));
    s->holes = mem_alloc(BENCH_HOLES_MAX * sizeof(s->holes[0]));
    return s;
}

void bench_stats_free(struct bench_stats *s)
{
    if (!s)
        return;
    free(s->sent);
    free(s->next);
    free(s->holes);
    free(s);
}

uint64_t bench_stats_send(struct bench_stats *s, size_t pub)
{
    s->n_sent++;
    return s->sent[pub]++;
}

/* ---- holes ---- */

static void add_hole(struct bench_stats *s, size_t pair, uint64_t from, uint64_t to)
{
    if (from < to && s->n_holes < BENCH_HOLES_MAX)
        s->holes[s->n_holes++] = (struct hole){ pair, from, to };
}

/* Takes the number out of its hole, which leaves up to two smaller ones. False: it is in none. */
static bool fill_hole(struct bench_stats *s, size_t pair, uint64_t number)
{
    for (size_t i = 0; i < s->n_holes; i++) {
        const struct hole h = s->holes[i];

        if (h.pair != pair || number < h.from || number >= h.to)
            continue;
        s->holes[i] = s->holes[--s->n_holes];
        add_hole(s, pair, h.from, number);
        add_hole(s, pair, number + 1, h.to);
        return true;
    }
    return false;
}

/* ---- messages ---- */

void bench_stats_receive(struct bench_stats *s, size_t sub, size_t pub, uint64_t number,
                         uint64_t latency_ns)
{
    const size_t pair = sub * s->n_pubs + pub;
    uint64_t *next = &s->next[pair];

    assert(sub < s->n_subs);
    if (pub >= s->n_pubs || number >= s->sent[pub])
        return;
    if (number < *next && !fill_hole(s, pair, number)) {
        s->doubled++;
        return;
    }
    if (number < *next) {
        s->out_of_order++;
        s->missing--;
    } else {
        add_hole(s, pair, *next, number);
        s->missing += number - *next;
        *next = number + 1;
    }
    s->received++;
    histogram_add(&s->latency, latency_ns);
}

uint64_t bench_stats_due(const struct bench_stats *s)
{
    return s->n_sent * s->n_subs - s->received - s->missing;
}

void bench_stats_totals(const struct bench_stats *s, struct bench_totals *ret)
{
    const uint64_t expected = s->n_sent * s->n_subs;

    *ret = (struct bench_totals){ .sent = s->n_sent,
                                  .expected = expected,
                                  .received = s->received,
                                  .lost = expected - s->received,
                                  .doubled = s->doubled,
                                  .out_of_order = s->out_of_order };
}

const struct histogram *bench_stats_latency(const struct bench_stats *s)
{
    return &s->latency;
}
