/* top_table.h - lays out the figures of `top` as a table.
 * Thread:  any; pure.
 * Width:   columns that do not fit are left out, the least important first. Each line is at most
 *          `width` columns wide.
 */
#ifndef EH_CTL_TOP_TABLE_H
#define EH_CTL_TOP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "ctl/top/top_figures.h"

/* A node, as of now. */
struct top_row {
    const char *name;                  /* clean for a terminal, as is fault */
    const char *fault;                 /* why it does not answer; NULL: it does */
    const struct top_sample *sample;   /* the last scrape; NULL: there is none */
    const struct top_figures *figures; /* since the scrape before; NULL: unknown yet */
    uint64_t slow, refused;            /* since top began */
};

/* The orders of the rows; each has a key of the keyboard, which top_sorts lists. */
enum top_sort {
    TOP_BY_NAME,
    TOP_BY_CONNECTIONS,
    TOP_BY_SUBSCRIPTIONS,
    TOP_BY_IN,
    TOP_BY_OUT,
    TOP_BY_LATENCY,
    TOP_BY_REFUSED,
    TOP_SORTS
};

struct top_sort_key {
    char key;
    const char *name;
};
extern const struct top_sort_key top_sorts[TOP_SORTS];

/* Sorts by name from a to z, by everything else from the largest down; rows of nodes that do not
 * answer come last. Equal rows are sorted by name. */
void top_rows_sort(struct top_row *rows, size_t n, enum top_sort by);

/* The styles of a terminal; all "" without colour. */
struct top_styles {
    const char *head, *fault, *plain;
};

/* Adds the head, a line for each row and, with several rows, a line of their sums. `by` marks its
 * column in the head. */
void top_table_add(struct buf *out, const struct top_row *rows, size_t n, size_t width,
                   enum top_sort by, const struct top_styles *styles);

/* Adds a number of at most 6 characters: 0, 0.5, 12, 99999, 123k, 1.2M. */
void top_number_add(struct buf *out, double value);
/* Adds a time of at most 6 characters: 0.3ms, 12ms, 1.2s. */
void top_time_add(struct buf *out, double seconds);

#endif
