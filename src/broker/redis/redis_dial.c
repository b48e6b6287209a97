#include "broker/redis/redis_dial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "broker/config.h"
#include "net/resolver.h"

struct redis_dial {
    struct mailbox *inbox;
    redis_dial_fn *on_answer; /* NULL: freed */
    void *owner;
    struct resolver *resolver;
    struct resolver_answer *answer;
    struct addrinfo *next;  /* within `answer`, or &socket */
    struct addrinfo socket; /* if host is a path */
    struct sockaddr_un path;
    struct mail gone;
};

static void on_resolved(struct mail *m, void *owner)
{
    struct resolver_answer *answer = container_of(m, struct resolver_answer, mail);
    struct redis_dial *d = (struct redis_dial *)(uintptr_t)answer->tag;

    (void)owner;
    if (!d->on_answer) {
        resolver_answer_free(answer);
        return;
    }
    redis_dial_forget(d);
    d->answer = answer;
    d->next = answer->list;
    d->on_answer(d->owner, answer->err ? gai_strerror(answer->err) : NULL);
}

int redis_dial_ask(struct redis_dial *d, const struct redis_endpoint *endpoint)
{
    const char *host = endpoint->host;

    if (host[0] != '/')
        return resolver_ask(d->resolver, on_resolved, host, endpoint->port, (uint64_t)(uintptr_t)d);
    assert(strlen(host) < sizeof(d->path.sun_path));
    d->path.sun_family = AF_UNIX;
    memcpy(d->path.sun_path, host, strlen(host) + 1);
    d->socket.ai_addr = (struct sockaddr *)&d->path;
    d->socket.ai_addrlen = sizeof(d->path);
    d->next = &d->socket;
    d->on_answer(d->owner, NULL);
    return EH_OK;
}

int redis_dial_next(struct redis_dial *d, struct stream *s, struct loop *lp,
                    const struct stream_events *events)
{
    while (d->next) {
        struct addrinfo *a = d->next;

        d->next = a->ai_next;
        if (stream_connect(s, lp, a->ai_addr, a->ai_addrlen, events) == EH_OK)
            return EH_OK;
    }
    return EH_EIO;
}

bool redis_dial_has_next(const struct redis_dial *d)
{
    return d->next != NULL;
}

void redis_dial_forget(struct redis_dial *d)
{
    resolver_answer_free(d->answer);
    d->answer = NULL;
    d->next = NULL;
}

struct redis_dial *redis_dial_create(struct mailbox *inbox, redis_dial_fn *on_answer, void *owner)
{
    struct redis_dial *d = mem_zalloc(sizeof(*d));

    d->inbox = inbox;
    d->on_answer = on_answer;
    d->owner = owner;
    d->resolver = resolver_create(inbox);
    return d;
}

static void on_gone(struct mail *m, void *owner)
{
    (void)owner;
    free(container_of(m, struct redis_dial, gone));
}

void redis_dial_free(struct redis_dial *d)
{
    d->on_answer = NULL;
    redis_dial_forget(d);
    resolver_free(d->resolver); /* posts nothing more; mail it has posted comes before `gone` */
    d->gone.fn = on_gone;
    mailbox_post(d->inbox, &d->gone);
}
