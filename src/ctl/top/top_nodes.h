/* top_nodes.h - scrapes several nodes in rounds.
 * Rounds:  each interval begins one, which asks every node that has answered the last one. A
 *          round ends when all nodes have answered or failed, at the latest with the interval: a
 *          node that is silent does not delay the others.
 * Thread:  its loop's.
 * Owns:    the targets and what the nodes answered.
 */
#ifndef EH_CTL_TOP_NODES_H
#define EH_CTL_TOP_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ctl/top/top_table.h"

#define TOP_NODES_MAX 256

struct common_options;
struct buf;
struct runtime;
struct top_nodes;

struct top_setup {
    const struct common_options *common;
    const char *const *urls; /* n of them; n = 0: the URL of the options */
    size_t n;
    uint64_t interval_ms;
    void (*on_round)(void *arg, uint64_t round); /* ended; the first round is 1 */
    void *arg;
};

/* Begins with the first round. EH_EINVAL: *why is one line about a URL. */
int top_nodes_create(struct runtime *rt, const struct top_setup *setup, struct top_nodes **ret,
                     struct buf *why) EH_MUST_USE;
void top_nodes_free(struct top_nodes *t); /* NULL is fine */

size_t top_nodes_count(const struct top_nodes *t);
/* Fills in a row for each node. The rows are valid until the next turn of the loop. */
void top_nodes_rows(const struct top_nodes *t, struct top_row *ret_rows);
/* Returns the refusals of all nodes since the beginning. */
const struct top_reasons *top_nodes_refusals(const struct top_nodes *t);

#endif
