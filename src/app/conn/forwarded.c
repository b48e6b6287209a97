#include "app/conn/forwarded.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/cidr.h"

struct proxies {
    size_t n;
    struct cidr blocks[];
};

static size_t count_entries(struct str list)
{
    struct str entry;
    size_t n = 0;

    while (str_cut(&list, ',', &entry))
        n++;
    return n;
}

int proxies_create(struct str list, struct proxies **ret)
{
    struct proxies *p;
    struct str entry;

    if (list.n == 0)
        list.p = NULL; /* not even an empty entry */
    p = mem_zalloc(sizeof(*p) + count_entries(list) * sizeof(p->blocks[0]));
    while (str_cut(&list, ',', &entry)) {
        if (cidr_parse(str_trim(entry), &p->blocks[p->n++]) < 0) {
            proxies_free(p);
            return EH_EINVAL;
        }
    }
    *ret = p;
    return EH_OK;
}

void proxies_free(struct proxies *p)
{
    free(p);
}

bool proxies_trust(const struct proxies *p, const struct sock_addr *addr)
{
    for (size_t i = 0; i < p->n; i++) {
        if (cidr_has(&p->blocks[i], addr))
            return true;
    }
    return false;
}

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
static bool follow(const struct proxies *trusted, struct str line, struct sock_addr *peer)
{
    while (line.p) {
        if (!proxies_trust(trusted, peer) || sock_addr_parse(cut_last(&line), peer) < 0)
            return false;
    }
    return true;
}

void forwarded_find(const struct proxies *trusted, const struct http_request *rq,
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
