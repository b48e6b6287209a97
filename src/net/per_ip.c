#include "net/per_ip.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/siphash.h"

#define PLACES_MIN 64
#define V6_BYTES   8 /* of an address that count: a /64 */

struct place {
    uint8_t ip[16]; /* what counts of it; the rest is zero */
    uint64_t n;     /* 0: free */
};

/* Open addressing: an entry stands at the place that its hash names, or at the next free one. */
struct per_ip {
    pthread_mutex_t lock;
    struct siphash_key key;
    uint64_t most;
    size_t n_places; /* a power of two, and more than twice n_used */
    size_t n_used;
    struct place *places;
};

struct per_ip *per_ip_create(uint64_t most)
{
    struct per_ip *p = mem_zalloc(sizeof(*p));

    pthread_mutex_init(&p->lock, NULL);
    p->key = siphash_key_random();
    p->most = most;
    p->n_places = PLACES_MIN;
    p->places = mem_zalloc(p->n_places * sizeof(p->places[0]));
    return p;
}

void per_ip_free(struct per_ip *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p->places);
    free(p);
}

static bool is_v4(const struct sock_addr *addr)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(addr->ip, mapped, sizeof(mapped)) == 0;
}

static struct place key_of(const struct sock_addr *addr)
{
    struct place key = { .n = 0 };

    memcpy(key.ip, addr->ip, is_v4(addr) ? sizeof(key.ip) : V6_BYTES);
    return key;
}

static size_t home_of(const struct per_ip *p, const struct place *key)
{
    struct str ip = { (const char *)key->ip, sizeof(key->ip) };

    return (size_t)siphash(&p->key, 0, ip) & (p->n_places - 1);
}

/* Where the key stands, or the free place where it would. */
static size_t find(const struct per_ip *p, const struct place *key)
{
    size_t i = home_of(p, key);

    while (p->places[i].n && memcmp(p->places[i].ip, key->ip, sizeof(key->ip)) != 0)
        i = (i + 1) & (p->n_places - 1);
    return i;
}

static void grow(struct per_ip *p)
{
    struct place *old = p->places;
    size_t n_old = p->n_places;

    p->n_places *= 2;
    p->places = mem_zalloc(p->n_places * sizeof(p->places[0]));
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].n)
            p->places[find(p, &old[i])] = old[i];
    }
    free(old);
}

static bool enter(struct per_ip *p, const struct place *key)
{
    struct place *at = &p->places[find(p, key)];

    if (at->n >= p->most)
        return false;
    if (at->n == 0) {
        memcpy(at->ip, key->ip, sizeof(at->ip));
        p->n_used++;
    }
    at->n++;
    if (p->n_used * 2 >= p->n_places)
        grow(p);
    return true;
}

/* The entries behind a place that became free move up, so that no search ends too early. */
static void close_gap(struct per_ip *p, size_t gap)
{
    size_t mask = p->n_places - 1;

    for (size_t i = (gap + 1) & mask; p->places[i].n; i = (i + 1) & mask) {
        size_t home = home_of(p, &p->places[i]);

        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* it stands between its home and here: the gap is no place for it */
        p->places[gap] = p->places[i];
        p->places[i].n = 0;
        gap = i;
    }
}

static void leave(struct per_ip *p, const struct place *key)
{
    size_t i = find(p, key);

    assert(p->places[i].n > 0);
    if (--p->places[i].n > 0)
        return;
    p->n_used--;
    close_gap(p, i);
}

bool per_ip_enter(struct per_ip *p, const struct sock_addr *addr)
{
    struct place key = key_of(addr);
    bool ok;

    pthread_mutex_lock(&p->lock);
    ok = enter(p, &key);
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void per_ip_leave(struct per_ip *p, const struct sock_addr *addr)
{
    struct place key = key_of(addr);

    pthread_mutex_lock(&p->lock);
    leave(p, &key);
    pthread_mutex_unlock(&p->lock);
}
