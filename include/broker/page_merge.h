/* page_merge.h - reads the log of several filters as if they were one: the entries of all of them
 * in the order of ids, each once, page by page (page_merge.c explains how).
 * Thread:  its user's. It does no I/O and reads no clock.
 * Owns:    copies of the filters, and the entries that were read and not given yet.
 * Bounds:  the entries that it keeps are dropped beyond twice the max_bytes of a page, and read
 *          again later. At least one page of one filter is kept.
 */
#ifndef EH_BROKER_PAGE_MERGE_H
#define EH_BROKER_PAGE_MERGE_H

#include "broker/call.h"

struct page_merge;

struct page_merge *page_merge_create(const struct str *filters, size_t n); /* none twice */
void page_merge_free(struct page_merge *m);

/* *h asks for a page of all filters: for the first one, if it has no snapshot end, or else for the
 * page after the one that page_merge_take gave. Makes it the question for a page of one filter,
 * which borrows the filter. `newest` counts for each filter. max_entries and max_bytes are not 0:
 * a page that may hold nothing would have no end. */
void page_merge_ask(struct page_merge *m, struct broker_history *h);
/* Takes the answer to that. Returns true if *h is the page of all filters now, which is the
 * question for the next page, too, as every page is. False: *h is the question for a page of
 * another filter. */
bool page_merge_take(struct page_merge *m, struct broker_history *h) EH_MUST_USE;

#endif
