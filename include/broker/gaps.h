/* gaps.h - the topics whose messages are missing: they left the log before they could be read.
 * Thread:  any; a struct gaps is immutable.
 * Owns:    copies of the topics. A struct gaps is one block, which its owner frees with free().
 */
#ifndef EH_BROKER_GAPS_H
#define EH_BROKER_GAPS_H

#include "broker/call.h"

#define GAPS_MAX 100 /* topics in one struct gaps; when there are more, the topics are not known */

struct gaps {
    size_t n; /* at least 1 */
    struct str topics[];
};

struct gaps *gaps_create(const struct str *topics, size_t n);

/* The gaps that were already reported to one reader of the log. A page that starts below a gap
 * finds the same gap as the page before it; that is new only if a message of the topic came in
 * between. {0} at the start. */
struct gaps_told {
    bool all;            /* of unknown topics */
    struct gaps *topics; /* or NULL */
};

/* Compares a page with the gaps reported so far. Returns true when messages are missing that were
 * not reported yet, and sets *ret_gaps to their topics, or to NULL when the topics are not known.
 * The caller frees *ret_gaps. Updates `told`. */
bool gaps_news(struct gaps_told *told, const struct broker_history *page, struct gaps **ret_gaps);
void gaps_told_done(struct gaps_told *told);

#endif
