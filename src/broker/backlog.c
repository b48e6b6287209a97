#include "broker/backlog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAP_MIN 64

static size_t count(const struct backlog *a)
{
    return a->end - a->first;
}

static void clear(struct backlog *a)
{
    while (backlog_first(a))
        message_unref(backlog_pop(a));
}

/* At the end of the array; what was popped is used again where that is half of it. */
static void make_room(struct backlog *a)
{
    if (a->first >= CAP_MIN && a->first >= a->cap / 2) {
        memmove(a->items, a->items + a->first, count(a) * sizeof(a->items[0]));
        a->end -= a->first;
        a->first = 0;
        return;
    }
    a->cap = a->cap ? 2 * a->cap : CAP_MIN;
    a->items = mem_array(a->items, a->cap, sizeof(a->items[0]));
}

void backlog_add(struct backlog *a, struct message *m)
{
    if (count(a) == BROKER_LIVE_MAX_MESSAGES || a->bytes >= BROKER_LIVE_MAX_BYTES) {
        clear(a);
        a->has_gap = true;
    }
    if (a->end == a->cap)
        make_room(a);
    a->items[a->end++] = m;
    a->bytes += m->body.n;
}

const struct message *backlog_first(const struct backlog *a)
{
    return count(a) ? a->items[a->first] : NULL;
}

struct message *backlog_pop(struct backlog *a)
{
    struct message *m;

    assert(count(a) > 0);
    m = a->items[a->first++];
    a->bytes -= m->body.n;
    if (count(a) == 0)
        a->first = a->end = 0;
    return m;
}

void backlog_done(struct backlog *a)
{
    clear(a);
    free(a->items);
    *a = (struct backlog){ 0 };
}
