#include "ctl/pubsub/lines.h"

void lines_init(struct lines *l, size_t max)
{
    *l = (struct lines){ .max = max };
}

void lines_done(struct lines *l)
{
    buf_done(&l->rest);
}

void lines_add(struct lines *l, const char *p, size_t n)
{
    buf_add(&l->rest, p, n);
}

void lines_end(struct lines *l)
{
    l->has_ended = true;
}

/* Takes n bytes of text, and the `end` bytes that end the line, off the input. */
static int take(struct lines *l, size_t n, size_t end, struct str *ret)
{
    bool is_long = l->is_long || n > l->max;
    struct str line = str_make(buf_head(&l->rest), n);

    buf_consume(&l->rest, n + end); /* keeps the bytes in place */
    l->searched = 0;
    l->is_long = false;
    l->number++;
    if (is_long)
        return EH_ELIMIT;
    *ret = line;
    return 1;
}

int lines_next(struct lines *l, struct str *ret)
{
    struct str all = buf_str(&l->rest);
    const char *feed = NULL;

    if (all.n > l->searched)
        feed = memchr(all.p + l->searched, '\n', all.n - l->searched);
    if (feed) {
        size_t n = (size_t)(feed - all.p);
        size_t has_return = n > 0 && all.p[n - 1] == '\r';

        return take(l, n - has_return, has_return + 1, ret);
    }
    if (l->has_ended)
        return all.n > 0 || l->is_long ? take(l, all.n, 0, ret) : 0;
    if (all.n > l->max + 1) { /* the last byte may be the CR of its end */
        l->is_long = true;
        buf_consume(&l->rest, all.n);
        all.n = 0;
    }
    l->searched = all.n;
    return 0;
}
