#include "net/per_ip.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"

#define V6_BYTES 8 /* that count: an IPv6 /64 */

struct address {
    uint64_t n;     /* connections */
    uint8_t ip[16]; /* the bytes that count; the rest are zero */
};

struct per_ip {
    pthread_mutex_t lock;
    struct siphash_key key;
    uint64_t most;
    struct table addresses;
};

struct per_ip *per_ip_create(uint64_t most)
{
    struct per_ip *p = mem_zalloc(sizeof(*p));

    pthread_mutex_init(&p->lock, NULL);
    p->key = siphash_key_random();
    assert(most > 0); /* an address that enters leaves an entry behind */
    p->most = most;
    return p;
}

void per_ip_free(struct per_ip *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->addresses.cap; i++)
        free(p->addresses.slots[i].item);
    table_done(&p->addresses);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct address key_of(const struct sock_addr *addr)
{
    struct address key = { .n = 0 };

    memcpy(key.ip, addr->ip, ip_is_v4(addr->ip) ? sizeof(key.ip) : V6_BYTES);
    return key;
}

static uint32_t hash_of(const struct per_ip *p, const struct address *key)
{
    return (uint32_t)siphash(&p->key, 0, str_make((const char *)key->ip, sizeof(key->ip)));
}

static bool is_same(const void *item, const void *key)
{
    const struct address *a = item, *k = key;

    return memcmp(a->ip, k->ip, sizeof(k->ip)) == 0;
}

bool per_ip_enter(struct per_ip *p, const struct sock_addr *addr)
{
    struct address key = key_of(addr);
    uint32_t hash = hash_of(p, &key);
    struct address *a;
    bool ok;

    pthread_mutex_lock(&p->lock);
    a = table_find(&p->addresses, hash, is_same, &key);
    if (!a) {
        a = mem_alloc(sizeof(*a));
        *a = key;
        table_add(&p->addresses, a, hash);
    }
    ok = a->n < p->most;
    if (ok)
        a->n++;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void per_ip_leave(struct per_ip *p, const struct sock_addr *addr)
{
    struct address key = key_of(addr);
    uint32_t hash = hash_of(p, &key);
    struct address *a;

    pthread_mutex_lock(&p->lock);
    a = table_find(&p->addresses, hash, is_same, &key);
    assert(a);
    if (--a->n == 0) {
        table_remove(&p->addresses, a, hash);
        free(a);
    }
    pthread_mutex_unlock(&p->lock);
}
