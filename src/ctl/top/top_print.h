/* top_print.h - what `top` writes for one round: a block of lines, a JSON object, or a screen.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_TOP_PRINT_H
#define EH_CTL_TOP_PRINT_H

#include <jansson.h>

#include "base/buf.h"
#include "ctl/top/top_table.h"

/* One round. Borrowed. */
struct top_view {
    uint64_t now_ms; /* since the epoch */
    uint64_t interval_ms;
    struct top_row *rows; /* sorted by `sort` */
    size_t n;
    const struct top_reasons *refusals; /* since the beginning, of all nodes */
    enum top_sort sort;
};

/* Adds the time, the table in full width, the refusals, and an empty line. */
void top_print_block(const struct top_view *v, struct buf *out);

/* Returns an object, which the caller frees. */
json_t *top_print_json(const struct top_view *v);

/* Adds a screen of this size, which replaces what the terminal shows: from the upper left corner,
 * each line is cleared to its end, and so is the rest. */
void top_print_screen(const struct top_view *v, size_t width, size_t height,
                      const struct top_styles *styles, struct buf *out);

#endif
