/* send_units.h - sends output units on a stream. */
#ifndef EH_TESTS_SEND_UNITS_H
#define EH_TESTS_SEND_UNITS_H

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/shared.h"
#include "net/stream.h"

static inline void send_unit(struct stream *s, const char *head, const char *body)
{
    struct bytes *b = bytes_copy(str_of(body));

    stream_send(s, str_of(head), &b->shared, bytes_str(b));
    shared_unref(&b->shared);
}

#define UNIT_SIZE 1008 /* of each unit that send_units sends: "<000000>" and 1000 bytes */

/* Sends n units; returns all bytes that must arrive, for the caller to free. */
static inline struct buf send_units(struct stream *s, size_t n)
{
    struct buf all = { 0 };
    char body[1001];

    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    for (size_t i = 0; i < n; i++) {
        char head[24];

        (void)snprintf(head, sizeof(head), "<%06zu>", i);
        send_unit(s, head, body);
        buf_addf(&all, "%s%s", head, body);
    }
    return all;
}

#endif
