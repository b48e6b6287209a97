/* join_data.h - the data of one join (join.h).
 * Thread:  the connection's worker.
 * Rule:    only join.c and join_machine.c change it.
 */
#ifndef EH_APP_JOIN_DATA_H
#define EH_APP_JOIN_DATA_H

#include "app/conn/reply.h"
#include "app/sub/reader.h"
#include "app/sub/sub_data.h"
#include "app/sub/wants.h"
#include "broker/catch_up.h"
#include "hub/topic.h"

struct join {
    struct reader reader;    /* must come first (reader.h) */
    struct catch_up machine; /* runs while is_waiting is not set */
    struct sub *sub;         /* the first of its stream; NULL: it was closed meanwhile */
    struct join_many *many;  /* NULL: the stream has one filter */
    struct reply reply;
    struct order order; /* WebSocket: while is_waiting is set */
    struct want_waiter want;
    struct batch_waiter after_batch;
    bool has_history;     /* the request asked for it, though there may be no log */
    bool is_waiting;      /* for its filter to be live */
    bool confirmed;       /* the request was answered */
    bool gap_is_told;     /* the answer reported the gap in front of the next page */
    bool waits_for_batch; /* for the array to be sent; reads nothing meanwhile */
    struct msgid from;    /* the id that the request named; later where it begins */
    struct msgid opened;  /* where the subscription begins without history */
    uint64_t n_authored;  /* of the worker, when the history was asked for (echo.h) */
    size_t bytes;         /* of this block */
    size_t filter_n;
    char filter[TOPIC_MAX];
    char id[]; /* of the request */
};

static inline struct str join_filter(const struct join *j)
{
    return str_make(j->filter, j->filter_n);
}

#endif
