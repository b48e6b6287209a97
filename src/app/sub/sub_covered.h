/* sub_covered.h - finds out which of several subscriptions that match a topic speaks for it.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_SUB_COVERED_H
#define EH_APP_SUB_COVERED_H

#include "app/sub/sub_data.h"

/* Reports whether an earlier subscription of the connection covers the filter, or matches the
 * topic. */
bool sub_is_covered(const struct sub *s, struct str topic_or_filter);

#endif
