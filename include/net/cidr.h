/* cidr.h - blocks of addresses, such as 10.0.0.0/8.
 * Thread:  any; pure.
 */
#ifndef EH_NET_CIDR_H
#define EH_NET_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "net/sock.h"

struct cidr {
    struct sock_addr first;
    uint8_t bits; /* of the 128 in struct sock_addr, also for IPv4 */
};

/* Parses an address, or an address and its prefix length: "10.0.0.0/8", "fd00::/8", "::1". */
int cidr_parse(struct str text, struct cidr *ret) EH_MUST_USE;
bool cidr_has(const struct cidr *block, const struct sock_addr *addr);

struct cidr_list {
    struct cidr *blocks;
    size_t n;
};

/* Blocks separated by commas; the empty text is the empty list. EH_EINVAL, EH_ELIMIT: an entry is
 * not a block. */
int cidr_list_parse(struct str text, struct cidr_list *ret) EH_MUST_USE;
void cidr_list_done(struct cidr_list *list);
/* Reports whether one of the blocks holds the address. */
bool cidr_list_has(const struct cidr_list *list, const struct sock_addr *addr);
bool cidr_list_is_equal(const struct cidr_list *a, const struct cidr_list *b);

#endif
