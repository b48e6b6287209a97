/* lost.h - the topics of which messages were lost: removed from the log before they could be read.
 * Thread:  any; a struct lost is immutable. One block, which its owner frees.
 */
#ifndef EH_BROKER_LOST_H
#define EH_BROKER_LOST_H

#include "broker/broker.h"

#define LOST_MAX 100 /* topics that are named; of more nobody says which */

struct lost {
    size_t n; /* at least 1 */
    struct str topics[];
};

struct lost *lost_create(const struct str *topics, size_t n);

/* What who reads the log page by page has said of the holes in it: a page whose point lies below a
 * hole finds it again, and it is no news unless something of its topic came since. {0} is the
 * start.
 */
struct lost_said {
    bool all;
    struct lost *topics; /* or NULL */
};

/* Looks at the page that came. True: something is missing that was not said; *ret_lost are its
 * topics, the caller's to free, or NULL where nobody knows them. */
bool lost_news(struct lost_said *said, const struct broker_history *page, struct lost **ret_lost);
void lost_said_done(struct lost_said *said);

#endif
