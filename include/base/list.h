/* list.h - intrusive doubly linked list: a head is a link that points to itself.
 * A link outside any list is {NULL, NULL}: list_remove leaves it so, and list_linked tests for it.
 */
#ifndef EH_BASE_LIST_H
#define EH_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may remove `it`, but no other link, from the list. */
#define list_for_each_safe(it, head)                                                               \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *link)
{
    return link->next != NULL;
}

static inline void list_insert(struct list *link, struct list *prev, struct list *next)
{
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

static inline void list_push(struct list *head, struct list *link) /* adds it at the end */
{
    list_insert(link, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert(link, head, head->next);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = NULL;
}

static inline struct list *list_first(const struct list *head) /* NULL when empty */
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not see that owners unlink, then free */
    return list_empty(head) ? NULL : head->next;
}

static inline struct list *list_pop(struct list *head) /* removes the first; NULL when empty */
{
    struct list *link = list_first(head);

    if (link)
        list_remove(link);
    return link;
}

/* Moves everything in `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_take(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
