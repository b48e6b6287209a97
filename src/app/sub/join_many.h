/* join_many.h - the part of a join that only an event stream with several filters has. Each
 * filter has a subscription; the join waits until all are live, and reads their logs as one.
 * Thread:  the connection's worker.
 * Owns:    copies of the filters, and the entries that wait for those of other filters.
 * Bounds:  page_merge.h. Its memory counts as one call of the connection, except for the entries.
 */
#ifndef EH_APP_JOIN_MANY_H
#define EH_APP_JOIN_MANY_H

#include "app/sub/wants.h"
#include "broker/page_merge.h"

struct join_many;

struct join_many *join_many_create(const struct sub_request *rq);
void join_many_free(struct join_many *m); /* NULL is fine; it waits no longer */
size_t join_many_bytes(const struct join_many *m);

/* Reports whether the filter of the subscription, or of it and all that follow it on its connection
 * (has_more), are live (wants_is_live). */
bool join_filters_are_live(const struct sub *s, bool has_more, bool reads_history);
/* Has the waiter called, as wants_wait does, when the filters of all subscriptions from s on are
 * live. At least one is not. The waiter is in no list meanwhile. */
void join_many_wait(struct join_many *m, const struct sub *s, struct want_waiter *waiter);

/* page_merge_ask and page_merge_take */
void join_many_ask(struct join_many *m, struct broker_history *h);
bool join_many_take(struct join_many *m, struct broker_history *h) EH_MUST_USE;

#endif
