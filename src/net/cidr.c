#include "net/cidr.h"

#include <string.h>

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
