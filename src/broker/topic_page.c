#include "broker/topic_page.h"

#include <assert.h>

#include "base/mem.h"

static void set(struct topic_name *to, struct str name)
{
    assert(name.n > 0 && name.n <= sizeof(to->text));
    memcpy(to->text, name.p, name.n);
    to->n = name.n;
}

struct topic_page *topic_page_create(size_t limit)
{
    struct topic_page *p = mem_zalloc(sizeof(*p) + limit * sizeof(p->items[0]));

    p->limit = limit;
    return p;
}

void topic_page_add(struct topic_page *p, struct str name, uint64_t length, struct msgid last)
{
    struct topic_entry *entry = &p->items[p->n];

    assert(!topic_page_is_full(p));
    set(&entry->name, name);
    entry->length = length;
    entry->last = last;
    p->n++;
}

void topic_page_go_on(struct topic_page *p, struct str after)
{
    p->more = true;
    set(&p->after, after);
}
