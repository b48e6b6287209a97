#include "broker/mem/mem_heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define MIN_CAP 64

static void put(struct mem_heap *h, size_t i, struct mem_expiry *x)
{
    h->items[i] = x;
    x->index = i;
}

static void sift_up(struct mem_heap *h, size_t i, struct mem_expiry *x)
{
    while (i > 0 && x->at < h->items[(i - 1) / 2]->at) {
        put(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, x);
}

static void sift_down(struct mem_heap *h, size_t i, struct mem_expiry *x)
{
    size_t child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && h->items[child + 1]->at < h->items[child]->at)
            child++;
        if (x->at <= h->items[child]->at)
            break;
        put(h, i, h->items[child]);
        i = child;
    }
    put(h, i, x);
}

void mem_heap_add(struct mem_heap *h, struct mem_expiry *x)
{
    if (x->at == MEM_FOR_EVER)
        return;
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : MIN_CAP;
        h->items = mem_array(h->items, h->cap, sizeof(h->items[0]));
    }
    sift_up(h, h->n++, x);
}

void mem_heap_remove(struct mem_heap *h, struct mem_expiry *x)
{
    struct mem_expiry *last;
    size_t i = x->index;

    if (x->at == MEM_FOR_EVER)
        return;
    assert(i < h->n && h->items[i] == x);
    last = h->items[--h->n];
    if (i == h->n)
        return;
    if (i > 0 && last->at < h->items[(i - 1) / 2]->at)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

void mem_heap_done(struct mem_heap *h)
{
    free(h->items);
    *h = (struct mem_heap){ 0 };
}

struct mem_expiry *mem_heap_due(const struct mem_heap *h, uint64_t now_ms)
{
    return h->n > 0 && h->items[0]->at <= now_ms ? h->items[0] : NULL;
}

uint64_t mem_expiry_after(uint64_t now_ms, uint64_t ttl_s)
{
    if (ttl_s == 0 || ttl_s > (MEM_FOR_EVER - now_ms) / 1000)
        return MEM_FOR_EVER;
    return now_ms + ttl_s * 1000;
}
