#include "app/conn/key_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct key_store {
    pthread_mutex_t lock;
    struct keyring *keys;
};

struct key_store *key_store_create(struct keyring *keys)
{
    struct key_store *s = mem_zalloc(sizeof(*s));

    pthread_mutex_init(&s->lock, NULL);
    s->keys = keys;
    return s;
}

void key_store_free(struct key_store *s)
{
    if (!s)
        return;
    keyring_unref(s->keys);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void key_store_replace(struct key_store *s, struct keyring *keys)
{
    struct keyring *before;

    pthread_mutex_lock(&s->lock);
    before = s->keys;
    s->keys = keys;
    pthread_mutex_unlock(&s->lock);
    keyring_unref(before);
}

struct keyring *key_store_take(struct key_store *s)
{
    struct keyring *keys;

    pthread_mutex_lock(&s->lock);
    keys = keyring_ref(s->keys);
    pthread_mutex_unlock(&s->lock);
    return keys;
}
