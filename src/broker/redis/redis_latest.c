#include "broker/redis/redis_latest.h"

#include <stdlib.h>

#include "base/mem.h"

void redis_latest_done(struct redis_latest *l)
{
    free(l->entries);
    *l = (struct redis_latest){ 0 };
}

void redis_latest_add(struct redis_latest *l, struct msgid id, size_t topic)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->entries = mem_array(l->entries, l->cap, sizeof(l->entries[0]));
    }
    l->entries[l->n++] = (struct redis_latest_entry){ .id = id, .topic = topic };
}

static int compare(const void *a, const void *b)
{
    const struct redis_latest_entry *one = a, *other = b;

    return msgid_cmp(one->id, other->id);
}

void redis_latest_sort(struct redis_latest *l)
{
    if (l->n)
        qsort(l->entries, l->n, sizeof(l->entries[0]), compare);
}

size_t redis_latest_from(const struct redis_latest *l, struct msgid id)
{
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (msgid_cmp(l->entries[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
