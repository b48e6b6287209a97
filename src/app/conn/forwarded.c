#include "app/conn/forwarded.h"

/* The last of the list's entries, which is cut off. */
static struct str cut_last(struct str *list)
{
    const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
    size_t n = comma ? (size_t)(comma - list->p) : 0;
    struct str last = str_skip(*list, comma ? n + 1 : 0);

    *list = comma ? str_make(list->p, n) : (struct str){ NULL, 0 };
    return str_trim(last);
}

/* One line of the field, from the right. False: the client was found, or what stands there is no
 * address, so that nothing before it can be believed. */
static bool follow(const struct cidr_list *trusted, struct str line, struct sock_addr *peer)
{
    while (line.p) {
        if (!cidr_list_has(trusted, peer) || sock_addr_parse(cut_last(&line), peer) < 0)
            return false;
    }
    return true;
}

void forwarded_find(const struct cidr_list *trusted, const struct http_request *rq,
                    struct sock_addr *peer)
{
    if (trusted->n == 0)
        return;
    for (size_t i = rq->n_headers; i > 0; i--) {
        const struct http_header *h = &rq->headers[i - 1];

        if (str_eq_nocase(h->name, STR("X-Forwarded-For")) && !follow(trusted, h->value, peer))
            return;
    }
}
