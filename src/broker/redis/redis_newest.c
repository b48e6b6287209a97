#include "broker/redis/redis_newest.h"

#include <stdlib.h>

#include "base/mem.h"

void redis_newest_init(struct redis_newest *n, uint32_t most)
{
    *n = (struct redis_newest){ .most = most };
}

void redis_newest_done(struct redis_newest *n)
{
    free(n->ids);
    n->ids = NULL;
    n->n = 0;
}

void redis_newest_add(struct redis_newest *n, const struct msgid *ids, size_t n_ids, bool has_older)
{
    struct msgid *both = mem_array(NULL, n->n + n_ids, sizeof(both[0]));
    size_t i = 0, k = 0, count = 0;

    while (i < n->n || k < n_ids) {
        bool is_own = k == n_ids || (i < n->n && msgid_cmp(n->ids[i], ids[k]) > 0);

        both[count++] = is_own ? n->ids[i++] : ids[k++];
    }
    free(n->ids);
    n->ids = both;
    n->has_older = n->has_older || has_older || count > n->most;
    n->n = count < n->most ? count : n->most;
}

/* Until it is known that there are older entries, each chunk may be the one that has them. */
struct msgid redis_newest_from(const struct redis_newest *n, struct msgid from)
{
    return n->has_older && n->n == n->most ? msgid_next(n->ids[n->n - 1]) : from;
}
