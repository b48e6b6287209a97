#include "hub/revoked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"

struct entry {
    uint64_t before_ms, until_ms;
    enum revoked_kind kind;
    uint32_t mark;
    size_t n;
    char name[];
};

struct revoked {
    atomic_size_t count; /* of the entries; read without the lock */
    atomic_uint changes;
    pthread_mutex_t lock; /* of what follows */
    struct siphash_key key;
    struct table entries;
    size_t max;
    size_t next;          /* slot for revoked_expire */
    size_t next_unmarked; /* slot for revoked_take_unmarked */
    uint32_t mark;        /* with which the last one was called */
};

static bool is_equal(const void *item, const void *key)
{
    const struct entry *e = item;
    const struct revocation *k = key;

    return e->kind == k->kind && str_eq(str_make(e->name, e->n), k->name);
}

static uint32_t hash_of(const struct revoked *r, enum revoked_kind kind, struct str name)
{
    return (uint32_t)siphash(&r->key, kind, name);
}

static struct entry *find(const struct revoked *r, enum revoked_kind kind, struct str name)
{
    const struct revocation key = { .kind = kind, .name = name };

    return table_find(&r->entries, hash_of(r, kind, name), is_equal, &key);
}

struct revoked *revoked_create(size_t max)
{
    struct revoked *r = mem_zalloc(sizeof(*r));

    (void)pthread_mutex_init(&r->lock, NULL);
    r->key = siphash_key_random();
    r->max = max;
    return r;
}

void revoked_free(struct revoked *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->entries.cap; i++)
        free(r->entries.slots[i].item);
    table_done(&r->entries);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- adding ---- */

/* Returns whether the time became later. */
static bool move_on(uint64_t *time_ms, uint64_t to_ms)
{
    if (to_ms <= *time_ms)
        return false;
    *time_ms = to_ms;
    return true;
}

static void insert(struct revoked *r, const struct revocation *v, uint32_t mark)
{
    struct entry *e = mem_alloc(sizeof(*e) + v->name.n);

    *e = (struct entry){ v->before_ms, v->until_ms, v->kind, mark, v->name.n };
    memcpy(e->name, v->name.p, v->name.n);
    table_add(&r->entries, e, hash_of(r, v->kind, v->name));
    atomic_store(&r->count, r->entries.count);
    atomic_fetch_add(&r->changes, 1);
}

static int add(struct revoked *r, const struct revocation *v, uint32_t mark)
{
    struct entry *e = find(r, v->kind, v->name);
    bool is_later;

    if (!e && r->entries.count >= r->max)
        return EH_ELIMIT;
    if (!e) {
        insert(r, v, mark);
        return EH_OK;
    }
    is_later = move_on(&e->before_ms, v->before_ms);
    is_later |= move_on(&e->until_ms, v->until_ms);
    e->mark = mark;
    if (is_later)
        atomic_fetch_add(&r->changes, 1);
    return EH_OK;
}

int revoked_add(struct revoked *r, const struct revocation *v, uint32_t mark)
{
    int rc;

    if (v->name.n == 0 || v->name.n > REVOKED_NAME_MAX)
        return EH_EINVAL;
    (void)pthread_mutex_lock(&r->lock);
    rc = add(r, v, mark);
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

/* ---- asking ---- */

bool revoked_has(struct revoked *r, struct str jti, struct str sub, uint64_t issued_ms,
                 uint64_t now_ms)
{
    const struct entry *of_id, *of_sub;
    bool has;

    if (revoked_count(r) == 0)
        return false;
    (void)pthread_mutex_lock(&r->lock);
    of_id = jti.n ? find(r, REVOKED_ID, jti) : NULL;
    of_sub = sub.n ? find(r, REVOKED_SUB, sub) : NULL;
    has = (of_id && of_id->until_ms > now_ms) ||
          (of_sub && of_sub->until_ms > now_ms && issued_ms < of_sub->before_ms);
    (void)pthread_mutex_unlock(&r->lock);
    return has;
}

size_t revoked_count(struct revoked *r)
{
    return atomic_load_explicit(&r->count, memory_order_acquire);
}

uint32_t revoked_changes(struct revoked *r)
{
    return atomic_load(&r->changes);
}

/* ---- walking ---- */

/* Removing moves the entries behind, so a slot is looked at again after each removal. The table may
 * also shrink, which begins a new walk. */
bool revoked_expire(struct revoked *r, uint64_t now_ms)
{
    bool has_more;

    (void)pthread_mutex_lock(&r->lock);
    for (size_t steps = 0; steps < REVOKED_STEP && r->next < r->entries.cap; steps++) {
        struct entry *e = r->entries.slots[r->next].item;
        size_t cap = r->entries.cap;

        if (!e || e->until_ms > now_ms) {
            r->next++;
            continue;
        }
        table_remove(&r->entries, e, r->entries.slots[r->next].hash);
        free(e);
        if (r->entries.cap != cap)
            r->next = 0;
    }
    has_more = r->next < r->entries.cap;
    if (!has_more)
        r->next = 0;
    atomic_store(&r->count, r->entries.count);
    (void)pthread_mutex_unlock(&r->lock);
    return has_more;
}

static void copy(const struct entry *e, struct revocation *ret, struct buf *texts)
{
    char *name = buf_reserve(texts, e->n);

    memcpy(name, e->name, e->n);
    buf_commit(texts, e->n);
    *ret = (struct revocation){ e->kind, str_make(name, e->n), e->before_ms, e->until_ms };
}

/* Walks REVOKED_STEP slots. Returns how many entries it has taken. */
static size_t take_step(struct revoked *r, uint64_t now_ms, struct revocation *ret, size_t max,
                        struct buf *texts)
{
    size_t n = 0;

    for (size_t steps = 0; steps < REVOKED_STEP && r->next_unmarked < r->entries.cap && n < max;
         steps++) {
        struct entry *e = r->entries.slots[r->next_unmarked++].item;

        if (!e || e->mark == r->mark || e->until_ms <= now_ms)
            continue;
        e->mark = r->mark;
        copy(e, &ret[n++], texts);
    }
    return n;
}

size_t revoked_take_unmarked(struct revoked *r, uint32_t mark, uint64_t now_ms,
                             struct revocation *ret, size_t max, struct buf *texts)
{
    size_t n = 0;
    bool has_more = true;

    buf_clear(texts);
    (void)buf_reserve(texts, max * REVOKED_NAME_MAX); /* so that the names do not move */
    while (n == 0 && has_more) {
        (void)pthread_mutex_lock(&r->lock);
        if (r->mark != mark)
            r->next_unmarked = 0;
        r->mark = mark;
        n = take_step(r, now_ms, ret, max, texts);
        has_more = r->next_unmarked < r->entries.cap;
        if (!has_more)
            r->next_unmarked = 0;
        (void)pthread_mutex_unlock(&r->lock);
    }
    return n;
}
