/* peers.h - how many connections each address has, so that none has more than its share.
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

struct peers;

struct peers *peers_create(uint64_t most);
void peers_free(struct peers *p);

/* One more connection of this address; false: it has `most` already, and nothing was counted. */
bool peers_enter(struct peers *p, const struct sock_addr *addr) EH_MUST_USE;
/* One that entered is gone. */
void peers_leave(struct peers *p, const struct sock_addr *addr);

#endif
