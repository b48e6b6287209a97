#include "broker/redis/redis_merge.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define ITEM_COST (sizeof(struct message) + sizeof(struct message *)) /* besides its body */

bool redis_chunk_is_empty(const struct redis_chunk *c)
{
    return c->at == c->n;
}

void redis_chunk_end_gap(struct redis_chunk *c, struct str topic)
{
    for (size_t i = 0; c->gaps && i < c->gaps->n; i++) {
        if (!str_eq(c->gaps->topics[i], topic))
            continue;
        c->gaps->topics[i] = c->gaps->topics[--c->gaps->n];
        if (c->gaps->n == 0) {
            free(c->gaps);
            c->gaps = NULL;
        }
    }
}

/* ---- the heap: the chunk with the lowest next entry comes first ---- */

/* Returns the id of the next entry; of an empty chunk, which was read up to some id, the lowest one
 * that this can be. */
static struct msgid key_of(const struct redis_chunk *c)
{
    return redis_chunk_is_empty(c) ? msgid_next(c->read) : c->items[c->at]->id;
}

static bool is_before(const struct redis_chunk *a, const struct redis_chunk *b)
{
    return msgid_cmp(key_of(a), key_of(b)) < 0;
}

static void sift_down(struct redis_merge *m, size_t i)
{
    size_t child;

    while ((child = 2 * i + 1) < m->n_heap) {
        struct redis_chunk *c = m->heap[i];

        if (child + 1 < m->n_heap && is_before(m->heap[child + 1], m->heap[child]))
            child++;
        if (!is_before(m->heap[child], c))
            return;
        m->heap[i] = m->heap[child];
        m->heap[child] = c;
        i = child;
    }
}

/* ---- entries ---- */

static size_t cost_of(const struct message *m)
{
    return ITEM_COST + m->body.n;
}

static void drop_items(struct redis_chunk *c)
{
    free(c->items);
    c->items = NULL;
    c->at = c->n = 0;
}

static struct message *take_item(struct redis_merge *m, struct redis_chunk *c)
{
    struct message *item = c->items[c->at++];

    m->held -= cost_of(item);
    if (redis_chunk_is_empty(c))
        drop_items(c);
    return item;
}

struct redis_chunk *redis_merge_first(struct redis_merge *m)
{
    while (m->n_heap) {
        struct redis_chunk *c = m->heap[0];

        if (!redis_chunk_is_empty(c)) {
            if (msgid_cmp(c->items[c->at]->id, m->passed) > 0)
                return c;
            message_unref(take_item(m, c));
        } else if (c->has_more) {
            return c;
        } else {
            m->heap[0] = m->heap[--m->n_heap];
        }
        sift_down(m, 0);
    }
    return NULL;
}

struct message *redis_merge_pop(struct redis_merge *m)
{
    struct message *item = take_item(m, m->heap[0]);

    m->passed = item->id;
    sift_down(m, 0);
    return item;
}

void redis_merge_add(struct redis_merge *m, struct message **items, size_t n, struct msgid read,
                     bool has_more)
{
    struct redis_chunk *c = m->heap[0];
    size_t kept = 0;

    assert(redis_chunk_is_empty(c));
    c->read = read;
    c->has_more = has_more;
    for (; kept < n && (kept == 0 || m->held < m->max_held); kept++)
        m->held += cost_of(items[kept]);
    if (kept < n) {
        c->read = msgid_before(items[kept]->id);
        c->has_more = true;
    }
    for (size_t i = kept; i < n; i++)
        message_unref(items[i]);
    c->items = items;
    c->n = kept;
    if (n == 0)
        drop_items(c);
    sift_down(m, 0);
}

void redis_merge_skip(struct redis_merge *m, struct msgid id)
{
    m->passed = msgid_later(m->passed, id);
}

void redis_merge_forget(struct redis_merge *m, const struct redis_chunk *except)
{
    for (size_t i = 0; i < m->n_chunks; i++) {
        struct redis_chunk *c = &m->chunks[i];

        if (c == except || redis_chunk_is_empty(c))
            continue;
        while (!redis_chunk_is_empty(c))
            message_unref(take_item(m, c));
        c->read = m->passed;
        c->has_more = true;
    }
    for (size_t i = m->n_heap; i-- > 0;)
        sift_down(m, i);
}

size_t redis_merge_share(const struct redis_merge *m)
{
    return m->max_held / (2 * m->n_chunks); /* half of it is for the cost of small entries */
}

/* ---- open and close ---- */

void redis_merge_init(struct redis_merge *m, size_t n_chunks, size_t max_held, struct msgid after)
{
    *m = (struct redis_merge){ .n_chunks = n_chunks, .max_held = max_held, .passed = after };
    if (n_chunks == 0)
        return;
    m->chunks = mem_array(NULL, n_chunks, sizeof(m->chunks[0]));
    m->heap = mem_array(NULL, n_chunks, sizeof(struct redis_chunk *));
    for (size_t i = 0; i < n_chunks; i++) {
        m->chunks[i] = (struct redis_chunk){ .read = after, .has_more = true };
        m->heap[m->n_heap++] = &m->chunks[i];
    }
}

void redis_merge_done(struct redis_merge *m)
{
    for (size_t i = 0; i < m->n_chunks; i++) {
        struct redis_chunk *c = &m->chunks[i];

        while (!redis_chunk_is_empty(c))
            message_unref(take_item(m, c));
        free(c->gaps);
    }
    free(m->chunks);
    free(m->heap);
    *m = (struct redis_merge){ 0 };
}
