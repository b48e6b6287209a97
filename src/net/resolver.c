#include "net/resolver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Held by its owner and by every question in progress; the last holder frees it. */
struct resolver {
    pthread_mutex_t lock;
    unsigned holders;
    struct mailbox *box; /* NULL: the owner is gone */
};

struct question {
    struct resolver *resolver;
    struct resolver_answer *answer;
    char port[8];
    char host[];
};

struct resolver *resolver_create(struct mailbox *box)
{
    struct resolver *r = mem_zalloc(sizeof(*r));

    pthread_mutex_init(&r->lock, NULL);
    r->holders = 1;
    r->box = box;
    return r;
}

/* Unlocks r and drops one holder. */
static void release(struct resolver *r)
{
    bool last = --r->holders == 0;

    pthread_mutex_unlock(&r->lock);
    if (last) {
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->box = NULL;
    release(r);
}

void resolver_answer_free(struct resolver_answer *a)
{
    if (a && a->list)
        freeaddrinfo(a->list);
    free(a);
}

static void *resolve(void *arg)
{
    struct question *q = arg;
    struct resolver *r = q->resolver;
    struct resolver_answer *answer = q->answer;
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

    answer->err = getaddrinfo(q->host, q->port, &hints, &answer->list);
    free(q);
    /* Posts the answer while holding the lock, so that the box cannot go away between the check and
     * the post. This is the only place that takes one lock (the box's) inside another. */
    pthread_mutex_lock(&r->lock);
    if (r->box) {
        mailbox_post(r->box, &answer->mail);
        answer = NULL;
    }
    release(r);
    resolver_answer_free(answer);
    return NULL;
}

static int start_thread(struct question *q)
{
    pthread_attr_t attr;
    pthread_t thread;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attr, resolve, q);
    pthread_attr_destroy(&attr);
    return rc == 0 ? EH_OK : EH_EIO;
}

int resolver_ask(struct resolver *r, mail_fn *fn, const char *host, uint16_t port, uint64_t tag)
{
    size_t n = strlen(host) + 1;
    struct question *q = mem_alloc(sizeof(*q) + n);

    q->resolver = r;
    memcpy(q->host, host, n);
    (void)snprintf(q->port, sizeof(q->port), "%u", port);
    q->answer = mem_zalloc(sizeof(*q->answer));
    q->answer->mail.fn = fn;
    q->answer->tag = tag;
    pthread_mutex_lock(&r->lock);
    r->holders++;
    pthread_mutex_unlock(&r->lock);
    if (start_thread(q) == EH_OK)
        return EH_OK;
    pthread_mutex_lock(&r->lock);
    release(r);
    free(q->answer);
    free(q);
    return EH_EIO;
}
