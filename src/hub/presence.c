#include "hub/presence.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proto/json.h"

/* Returns the index where sub is or belongs: that of the first entry not before it. */
static size_t place_of(const struct presence *p, struct str sub)
{
    size_t low = 0, high = p->n_subs;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (str_cmp(bytes_str(p->subs[middle]), sub) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void presence_add_sub(struct presence *p, struct str sub)
{
    size_t place;

    if (sub.n == 0)
        return;
    place = place_of(p, sub);
    if (place < p->n_subs && str_eq(bytes_str(p->subs[place]), sub))
        return;
    if (p->n_subs == PRESENCE_SUBS) {
        p->more = true;
        if (place == PRESENCE_SUBS)
            return;
        shared_unref(&p->subs[--p->n_subs]->shared); /* the last one makes room */
    }
    if ((p->n_subs & (p->n_subs - 1)) == 0) /* full at each power of two */
        p->subs = mem_array(p->subs, p->n_subs ? 2 * p->n_subs : 1, sizeof(p->subs[0]));
    memmove(&p->subs[place + 1], &p->subs[place], (p->n_subs - place) * sizeof(p->subs[0]));
    p->subs[place] = bytes_copy(sub);
    p->n_subs++;
}

void presence_merge(struct presence *p, const struct presence *other)
{
    p->count += other->count;
    p->more = p->more || other->more;
    for (size_t i = 0; i < other->n_subs; i++)
        presence_add_sub(p, bytes_str(other->subs[i]));
}

void presence_done(struct presence *p)
{
    for (size_t i = 0; i < p->n_subs; i++)
        shared_unref(&p->subs[i]->shared);
    free(p->subs);
    *p = (struct presence){ 0 };
}

bool presence_add_json(const struct presence *p, size_t max_bytes, struct buf *out)
{
    size_t begin = buf_used(out), i;

    buf_add_char(out, '[');
    for (i = 0; i < p->n_subs; i++) {
        size_t end = buf_used(out);

        if (i)
            buf_add_char(out, ',');
        json_add_string(out, bytes_str(p->subs[i]));
        if (buf_used(out) - begin >= max_bytes) {
            out->end = out->start + end;
            break;
        }
    }
    buf_add_char(out, ']');
    return i == p->n_subs;
}
