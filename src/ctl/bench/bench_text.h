/* bench_text.h - the text of a message of bench: which run, publisher and number it is of, and when
 * it was sent. The rest, up to the size, is padding.
 * Thread:  any; pure.
 * Cheap:   a delivery is recognized in the server's JSON without parsing it all. The text needs no
 *          escapes, and the run is random, so nothing else looks like it.
 */
#ifndef EH_CTL_BENCH_TEXT_H
#define EH_CTL_BENCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define BENCH_TEXT_MIN 64 /* bytes of the shortest message */
#define BENCH_PUBS_MAX 1000

struct bench_text {
    char begin[48]; /* of a delivery, NUL-terminated: "message":"RUN */
    size_t begin_n;
    uint64_t run;
    size_t size;
};

/* The contents of a message. */
struct bench_mark {
    uint32_t pub;
    uint64_t number;
    uint64_t sent_us;
};

void bench_text_init(struct bench_text *t, uint64_t run, size_t size); /* at least BENCH_TEXT_MIN */
/* Writes t->size bytes, without a NUL. */
void bench_text_write(const struct bench_text *t, const struct bench_mark *m, char *out);
/* Reads the message in a text of the server. False: it holds no message of this run, or not all
 * of one. */
bool bench_text_read(const struct bench_text *t, struct str json, struct bench_mark *ret);

#endif
