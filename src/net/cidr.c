#include "net/cidr.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_v4(struct str text)
{
    return memchr(text.p, ':', text.n) == NULL;
}

int cidr_parse(struct str text, struct cidr *ret)
{
    struct str length = text, address;
    struct cidr block;
    uint64_t bits;

    (void)str_cut(&length, '/', &address);
    EH_TRY(sock_addr_parse(address, &block.first));
    if (block.first.port || address.p[0] == '[')
        return EH_EINVAL;
    bits = is_v4(address) ? 32 : 128;
    if (length.p) {
        uint64_t most = bits;

        EH_TRY(str_parse_u64(length, &bits));
        if (bits > most)
            return EH_ELIMIT;
    }
    block.bits = (uint8_t)(is_v4(address) ? bits + 96 : bits);
    *ret = block;
    return EH_OK;
}

bool cidr_has(const struct cidr *block, const struct sock_addr *addr)
{
    size_t whole = block->bits / 8, rest = block->bits % 8;
    uint8_t differ;

    if (memcmp(block->first.ip, addr->ip, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    differ = block->first.ip[whole] ^ addr->ip[whole];
    return differ >> (8 - rest) == 0;
}

static size_t count_entries(struct str text)
{
    struct str entry;
    size_t n = 0;

    while (str_cut(&text, ',', &entry))
        n++;
    return n;
}

int cidr_list_parse(struct str text, struct cidr_list *ret)
{
    struct cidr_list list = { 0 };
    struct str entry;

    if (text.n == 0) { /* not even an empty entry */
        *ret = list;
        return EH_OK;
    }
    list.blocks = mem_array(NULL, count_entries(text), sizeof(list.blocks[0]));
    while (str_cut(&text, ',', &entry)) {
        int rc = cidr_parse(str_trim(entry), &list.blocks[list.n++]);

        if (rc < 0) {
            cidr_list_done(&list);
            return rc;
        }
    }
    *ret = list;
    return EH_OK;
}

void cidr_list_done(struct cidr_list *list)
{
    free(list->blocks);
    *list = (struct cidr_list){ 0 };
}

bool cidr_list_has(const struct cidr_list *list, const struct sock_addr *addr)
{
    for (size_t i = 0; i < list->n; i++) {
        if (cidr_has(&list->blocks[i], addr))
            return true;
    }
    return false;
}

bool cidr_list_is_equal(const struct cidr_list *a, const struct cidr_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (a->blocks[i].bits != b->blocks[i].bits ||
            memcmp(a->blocks[i].first.ip, b->blocks[i].first.ip, sizeof(a->blocks[i].first.ip)) !=
                0)
            return false;
    }
    return true;
}
