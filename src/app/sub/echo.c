#include "app/sub/echo.h"

struct author echo_author(struct conn *c)
{
    return (struct author){ .worker = c->worker->author_id,
                            .slot = c->ref.slot,
                            .generation = c->ref.generation,
                            .n = ++c->worker->n_authored };
}

struct conn *echo_find_author(const struct worker *w, const struct message *m)
{
    struct author author = message_author(m);
    struct conn *c;

    if (author.worker != w->author_id || author.slot >= w->conns.n_slots)
        return NULL;
    c = conn_table_find(&w->conns, (struct conn_ref){ author.slot, author.generation });
    return c && c->n_subs ? c : NULL;
}

bool echo_is_own(const struct conn *c, const struct message *m, uint64_t n_authored)
{
    return echo_author_here(c->worker, m) == c && message_author(m).n > n_authored;
}
