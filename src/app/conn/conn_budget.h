/* conn_budget.h - how one client's output queue (MAX_OUTPUT_QUEUE) is shared out.
 * Thread:  any; pure.
 *
 * Live messages may fill the whole queue: a client that lets it fill is too slow and is dropped.
 * Output that a client asks for must not fill it, or a client that reads would be dropped for
 * asking. The shares below add up so that answers under way always have room.
 */
#ifndef EH_APP_CONN_BUDGET_H
#define EH_APP_CONN_BUDGET_H

#include <stddef.h>

#include "app/config/config.h"

/* 1/8: the entries of one page of the log. With their heads a page takes at most 1/4. Pages are
 * read while the queue is below half, two at a time (app/sub/reader.c), so they always have room.
 * An eventlog answer collects an eighth before its last page. */
static inline size_t conn_budget_page(const struct config *config)
{
    return config->max_output_queue / 8;
}

/* 1/4: what may gather for one client before it is sent. A burst larger than the queue is then
 * sent in pieces, and drops no client that reads. */
static inline size_t conn_budget_burst(const struct config *config)
{
    return config->max_output_queue / 4;
}

/* 1/2: a client whose queue is below this keeps up, so the log is read on for it, and its requests
 * that were held back continue. Also the most that one answer of unknown size may hold. */
static inline size_t conn_budget_half(const struct config *config)
{
    return config->max_output_queue / 2;
}

/* 3/4: above it, counting answers under way, no more requests are read. Reading goes on below half,
 * so that it does not stop and start with every answer. */
static inline size_t conn_budget_requests(const struct config *config)
{
    return config->max_output_queue / 4 * 3;
}

#endif
