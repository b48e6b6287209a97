#include "broker/backlog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAP_MIN 16

static size_t count(const struct backlog *b)
{
    return b->end - b->first;
}

static void clear(struct backlog *b)
{
    while (!backlog_is_empty(b))
        message_unref(backlog_pop(b));
}

/* Makes room at the end of the array: moves the items to the front when at least half of the array
 * was popped, and otherwise doubles the array. */
static void make_room(struct backlog *b)
{
    if (b->first >= CAP_MIN && b->first >= b->cap / 2) {
        memmove(b->items, b->items + b->first, count(b) * sizeof(b->items[0]));
        b->end -= b->first;
        b->first = 0;
        return;
    }
    b->cap = b->cap ? 2 * b->cap : CAP_MIN;
    b->items = mem_array(b->items, b->cap, sizeof(b->items[0]));
}

bool backlog_is_full(const struct backlog *b)
{
    return count(b) >= BROKER_LIVE_MAX_MESSAGES || b->bytes >= BROKER_LIVE_MAX_BYTES;
}

void backlog_push(struct backlog *b, struct message *m)
{
    if (b->end == b->cap)
        make_room(b);
    b->items[b->end++] = m;
    b->bytes += m ? m->body.n : 0;
}

void backlog_add(struct backlog *b, struct message *m)
{
    if (backlog_is_full(b)) {
        clear(b);
        b->has_gap = true;
    }
    backlog_push(b, m);
}

bool backlog_is_empty(const struct backlog *b)
{
    return count(b) == 0;
}

const struct message *backlog_first(const struct backlog *b)
{
    return count(b) ? b->items[b->first] : NULL;
}

struct message *backlog_pop(struct backlog *b)
{
    struct message *m;

    assert(count(b) > 0);
    m = b->items[b->first++];
    b->bytes -= m ? m->body.n : 0;
    if (count(b) == 0)
        b->first = b->end = 0;
    return m;
}

void backlog_done(struct backlog *b)
{
    clear(b);
    free(b->items);
    *b = (struct backlog){ 0 };
}
