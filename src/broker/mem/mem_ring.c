#include "broker/mem/mem_ring.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define MIN_CAP 4

static struct mem_slot *slot_at(struct mem_ring *r, size_t i)
{
    return &r->slots[(r->start + i) & (r->cap - 1)];
}

size_t mem_ring_upto(const struct mem_ring *r, struct msgid id)
{
    size_t low = 0;
    size_t high = r->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (msgid_cmp(mem_ring_at(r, mid)->id, id) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct msgid mem_ring_last(const struct mem_ring *r)
{
    size_t i = r->n - 1;

    while (!mem_ring_at(r, i)->entry) /* the first slot is never empty */
        i--;
    return mem_ring_at(r, i)->id;
}

/* Copies the entries into new slots, which are then at most half full. So the next rebuild is paid
 * for by as many pushes or removals. */
static void rebuild(struct mem_ring *r)
{
    struct mem_ring fresh = { .cap = MIN_CAP };

    while (fresh.cap < 2 * r->live)
        fresh.cap *= 2;
    fresh.slots = mem_array(NULL, fresh.cap, sizeof(*fresh.slots));
    for (size_t i = 0; i < r->n; i++) {
        const struct mem_slot *slot = mem_ring_at(r, i);

        if (slot->entry)
            fresh.slots[fresh.n++] = *slot;
    }
    fresh.live = fresh.n;
    free(r->slots);
    *r = fresh;
}

void mem_ring_push(struct mem_ring *r, struct msgid id, struct mem_entry *e)
{
    assert(r->n == 0 || msgid_cmp(mem_ring_at(r, r->n - 1)->id, id) < 0);
    if (r->n == r->cap)
        rebuild(r);
    *slot_at(r, r->n++) = (struct mem_slot){ .id = id, .entry = e };
    r->live++;
}

void mem_ring_remove(struct mem_ring *r, struct msgid id)
{
    size_t found = mem_ring_upto(r, id);
    struct mem_slot *slot;

    assert(found > 0);
    slot = slot_at(r, found - 1);
    assert(slot->entry && msgid_cmp(slot->id, id) == 0);
    slot->entry = NULL;
    r->live--;
    while (r->n > 0 && !slot_at(r, 0)->entry) {
        r->start = (r->start + 1) & (r->cap - 1);
        r->n--;
    }
    if (r->live < r->cap / 4 && r->cap > MIN_CAP)
        rebuild(r);
}

void mem_ring_done(struct mem_ring *r)
{
    free(r->slots);
    *r = (struct mem_ring){ 0 };
}
