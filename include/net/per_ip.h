/* per_ip.h - how many connections each address has, so that none has more than its share.
 * Thread:  any; a mutex, held for one look into the table.
 * Counts:  IPv4 by the address, IPv6 by its first 64 bits: who has one has the whole block.
 * Exact:   never is one more than `most` let in, whichever threads ask at a time.
 * Owns:    a table as large as there ever were addresses at a time.
 */
#ifndef EH_NET_PER_IP_H
#define EH_NET_PER_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/sock.h"

struct per_ip;

struct per_ip *per_ip_create(uint64_t most);
void per_ip_free(struct per_ip *p);

/* One more connection of this address; false: it has `most` already, and nothing was counted. */
bool per_ip_enter(struct per_ip *p, const struct sock_addr *addr) EH_MUST_USE;
/* One that entered is gone. */
void per_ip_leave(struct per_ip *p, const struct sock_addr *addr);

#endif
