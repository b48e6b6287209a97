/* control_pages.h - lists what a server's control API gives page by page (docs/control.md).
 * Thread:  main; runs a loop while it waits.
 * Bounds:  one page is held at a time.
 */
#ifndef EH_CTL_CONTROL_PAGES_H
#define EH_CTL_CONTROL_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct invocation;
struct json_t; /* jansson's */
struct term;

#define CONTROL_PAGE 100 /* items of one answer */

struct control_pages {
    const char *path;  /* of the endpoint */
    const char *items; /* the member of a page that has them, an array; also a word for people */
    void (*print)(struct term *t, const struct json_t *item);
    /* Returns the text behind which the next page begins; NULL: there is no next page. */
    const char *(*after)(const struct json_t *page);
};

/* Adds a parameter to the query of a request. value NULL: adds nothing. */
void control_add_param(struct buf *query, const char *name, const char *value);

/* Prints at most `limit` items, as lines or as JSON. `query`: the other parameters. Returns the
 * exit status. */
int control_pages(const struct invocation *in, const struct control_pages *pages, struct str query,
                  uint64_t limit) EH_MUST_USE;

/* For `print`: a member of an item as a number, and as text. */
long long control_number(const struct json_t *item, const char *name);
void control_add_text(const struct term *t, struct buf *out, const struct json_t *item,
                      const char *name); /* two spaces follow */

#endif
