#include "app/conn/key_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct key_store {
    key_store_ask_fn *ask; /* NULL: there is no provider */
    void *arg;
    pthread_mutex_t lock;
    struct key_rings rings;
    const char *why; /* the last failure of the provider; "": none */
};

struct key_store *key_store_create(struct keyring *keys)
{
    struct key_store *s = mem_zalloc(sizeof(*s));

    pthread_mutex_init(&s->lock, NULL);
    s->rings.own = keys;
    s->why = "";
    return s;
}

void key_store_free(struct key_store *s)
{
    if (!s)
        return;
    keyring_unref(s->rings.own);
    keyring_unref(s->rings.fetched);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void swap(struct key_store *s, struct keyring **place, struct keyring *keys)
{
    struct keyring *before;

    pthread_mutex_lock(&s->lock);
    before = *place;
    *place = keys;
    pthread_mutex_unlock(&s->lock);
    keyring_unref(before);
}

void key_store_replace(struct key_store *s, struct keyring *keys)
{
    swap(s, &s->rings.own, keys);
}

void key_store_take(struct key_store *s, struct key_rings *ret)
{
    pthread_mutex_lock(&s->lock);
    ret->own = keyring_ref(s->rings.own);
    ret->fetched = s->rings.fetched ? keyring_ref(s->rings.fetched) : NULL;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the provider ---- */

void key_store_expect(struct key_store *s, key_store_ask_fn *ask, void *arg)
{
    s->ask = ask;
    s->arg = arg;
}

void key_store_fetched(struct key_store *s, struct keyring *keys)
{
    swap(s, &s->rings.fetched, keys);
}

void key_store_failed(struct key_store *s, const char *why)
{
    pthread_mutex_lock(&s->lock);
    s->why = why;
    pthread_mutex_unlock(&s->lock);
}

bool key_store_is_waiting(struct key_store *s, const char **ret_why)
{
    bool is_waiting;

    pthread_mutex_lock(&s->lock);
    is_waiting = s->ask && !s->rings.fetched;
    *ret_why = s->why;
    pthread_mutex_unlock(&s->lock);
    return is_waiting;
}

bool key_store_ask(struct key_store *s)
{
    return s->ask && s->ask(s->arg);
}
