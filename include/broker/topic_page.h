/* topic_page.h - one page of the topics of the log, in the byte order of their names: the answer to
 * BROKER_OP_LIST.
 * Thread:  any; plain data in one block, which its owner frees with free().
 * Bounds:  the limit that it was created with, 1 to BROKER_LIST_TOPICS.
 */
#ifndef EH_BROKER_TOPIC_PAGE_H
#define EH_BROKER_TOPIC_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/msgid.h"
#include "hub/topic.h"

struct topic_name {
    size_t n;
    char text[TOPIC_MAX];
};

struct topic_page {
    bool more; /* the topics behind `after`, if there are any, are not here */
    struct topic_name after;
    size_t n;
    size_t limit;
    struct topic_entry {
        struct topic_name name;
        uint64_t length;   /* entries of its log, at least 1 */
        struct msgid last; /* the newest one */
    } items[];
};

struct topic_page *topic_page_create(size_t limit);
static inline bool topic_page_is_full(const struct topic_page *p)
{
    return p->n == p->limit;
}
/* Adds a topic with a valid name to a page that is not full. */
void topic_page_add(struct topic_page *p, struct str name, uint64_t length, struct msgid last);
/* Says that there may be more topics, behind this name. */
void topic_page_go_on(struct topic_page *p, struct str after);

static inline struct str topic_name_str(const struct topic_name *name)
{
    return str_make(name->text, name->n);
}

#endif
