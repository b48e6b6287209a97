/* lost.h - the topics of which messages were lost: removed from the log before they could be read.
 * Thread:  any; a struct lost is immutable. One block, which its owner frees.
 */
#ifndef EH_BROKER_GAPS_H
#define EH_BROKER_GAPS_H

#include "broker/call.h"

#define GAPS_MAX 100 /* topics that are named; of more nobody says which */

struct gaps {
    size_t n; /* at least 1 */
    struct str topics[];
};

struct gaps *gaps_create(const struct str *topics, size_t n);

/* What who reads the log page by page has said of the holes in it: a page whose point lies below a
 * hole finds it again, and it is no news unless something of its topic came since. {0} is the
 * start.
 */
struct gaps_told {
    bool all;
    struct gaps *topics; /* or NULL */
};

/* Looks at the page that came. True: something is missing that was not said; *ret_lost are its
 * topics, the caller's to free, or NULL where nobody knows them. */
bool gaps_news(struct gaps_told *said, const struct broker_history *page, struct gaps **ret_gaps);
void gaps_told_done(struct gaps_told *said);

#endif
