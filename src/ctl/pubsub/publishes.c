#include "ctl/pubsub/publishes.h"

#include <stdlib.h>

#include "base/mem.h"

void publishes_init(struct publishes *ps)
{
    *ps = (struct publishes){ .n = 0 };
    list_init(&ps->waiting);
    list_init(&ps->under_way);
}

void publishes_done(struct publishes *ps)
{
    struct list *link;

    list_take(&ps->under_way, &ps->waiting);
    while ((link = list_pop(&ps->under_way)))
        free(container_of(link, struct publish, link));
}

bool publishes_has_room(const struct publishes *ps)
{
    return ps->n < PUBLISHES_MAX && ps->bytes < PUBLISHES_BYTES;
}

void publishes_add(struct publishes *ps, uint64_t number, struct str text, void *owner)
{
    struct publish *p = mem_zalloc(sizeof(*p) + text.n);
    char *copy = (char *)(p + 1);

    memcpy(copy, text.p, text.n);
    p->number = number;
    p->owner = owner;
    p->text = str_make(copy, text.n);
    list_push(&ps->waiting, &p->link);
    ps->n++;
    ps->bytes += text.n;
}

struct publish *publishes_next(const struct publishes *ps)
{
    struct list *first = list_first(&ps->waiting);
    struct publish *p;

    if (!first)
        return NULL;
    p = container_of(first, struct publish, link);
    return p->number <= ps->careful_up_to && !list_empty(&ps->under_way) ? NULL : p;
}

void publishes_sent(struct publishes *ps, struct publish *p, bool has_key, uint64_t now_ms)
{
    p->has_key = has_key;
    p->last_ms = now_ms;
    if (!p->sent_ms)
        p->sent_ms = now_ms;
    list_remove(&p->link);
    list_push(&ps->under_way, &p->link);
}

void publishes_remove(struct publishes *ps, struct publish *p)
{
    list_remove(&p->link);
    ps->n--;
    ps->bytes -= p->text.n;
    free(p);
}

/* Messages up to this one are sent one at a time from now on. */
static void be_careful_up_to(struct publishes *ps, const struct list *link)
{
    const struct publish *p = container_of(link, const struct publish, link);

    if (p->number > ps->careful_up_to)
        ps->careful_up_to = p->number;
}

void publishes_refused(struct publishes *ps, struct publish *p)
{
    struct list *next = ps->waiting.next;

    be_careful_up_to(ps, ps->under_way.prev);
    list_remove(&p->link);
    while (next != &ps->waiting && container_of(next, struct publish, link)->number < p->number)
        next = next->next;
    list_insert(&p->link, next->prev, next);
}

/* Returns the longest message under way, of which there is at least one. */
static struct publish *longest_under_way(const struct publishes *ps)
{
    struct publish *longest = container_of(ps->under_way.next, struct publish, link);

    list_for_each(link, &ps->under_way)
    {
        struct publish *p = container_of(link, struct publish, link);

        if (p->text.n > longest->text.n)
            longest = p;
    }
    return longest;
}

void publishes_lost(struct publishes *ps, bool too_big)
{
    struct list *first = ps->under_way.next, *last = ps->under_way.prev;

    if (list_empty(&ps->under_way))
        return;
    if (too_big)
        longest_under_way(ps)->is_too_big = true;
    else if (first == last)
        container_of(first, struct publish, link)->tries++;
    list_for_each(link, &ps->under_way)
    {
        struct publish *p = container_of(link, struct publish, link);

        p->is_doubtful = !p->has_key;
    }
    be_careful_up_to(ps, last);
    list_take(&ps->under_way, &ps->waiting); /* in order: those under way come first */
    list_take(&ps->waiting, &ps->under_way);
}

static const char *why_hopeless(const struct publish *p, uint64_t now_ms)
{
    if (p->is_too_big)
        return "longer than the server accepts (MAX_MESSAGE_SIZE)";
    if (p->is_doubtful)
        return "not confirmed: it may have been published before the connection was lost, and has "
               "no key with which it could be sent again";
    if (p->tries >= PUBLISHES_TRIES)
        return "not confirmed: the connection ended each time it was sent";
    if (p->sent_ms && now_ms - p->sent_ms > PUBLISHES_KEY_MS)
        return "not confirmed: it was sent before the connection was lost, and may have been "
               "published; that is too long ago to send it again";
    return NULL;
}

struct publish *publishes_hopeless(const struct publishes *ps, uint64_t now_ms, const char **why)
{
    list_for_each(link, &ps->waiting)
    {
        struct publish *p = container_of(link, struct publish, link);

        *why = why_hopeless(p, now_ms);
        if (*why)
            return p;
    }
    return NULL;
}
