#include "app/conn/topic_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct topic_store {
    pthread_mutex_t lock;
    struct topic_settings *settings;
};

struct topic_store *topic_store_create(struct topic_settings *settings)
{
    struct topic_store *s = mem_zalloc(sizeof(*s));

    pthread_mutex_init(&s->lock, NULL);
    s->settings = settings;
    return s;
}

void topic_store_free(struct topic_store *s)
{
    if (!s)
        return;
    topic_settings_unref(s->settings);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void topic_store_replace(struct topic_store *s, struct topic_settings *settings)
{
    struct topic_settings *before;

    pthread_mutex_lock(&s->lock);
    before = s->settings;
    s->settings = settings;
    pthread_mutex_unlock(&s->lock);
    topic_settings_unref(before);
}

struct topic_setting topic_store_find(struct topic_store *s, struct str topic)
{
    struct topic_settings *settings;
    struct topic_setting found;

    pthread_mutex_lock(&s->lock);
    settings = topic_settings_ref(s->settings);
    pthread_mutex_unlock(&s->lock);
    found = topic_settings_find(settings, topic);
    topic_settings_unref(settings);
    return found;
}
