/* per_ip.h - counts the connections of each address, so that none has more than its share.
 * Thread:  any; a mutex, held for one look into the table.
 * Counts:  IPv4 by the whole address, IPv6 by its first 64 bits: the holder of one address usually
 *          holds that whole block.
 * Exact:   an address never has more than `most` connections, however many threads ask at once.
 * Owns:    an entry for each address that has a connection.
 */
#ifndef EH_NET_PER_IP_H
#define EH_NET_PER_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/sock.h"

struct per_ip;

struct per_ip *per_ip_create(uint64_t most);
void per_ip_free(struct per_ip *p);

/* Counts one more connection of this address. False: it has `most` already, and none was
 * counted. */
bool per_ip_enter(struct per_ip *p, const struct sock_addr *addr) EH_MUST_USE;
/* Counts one connection less, after one that entered has ended. */
void per_ip_leave(struct per_ip *p, const struct sock_addr *addr);

#endif
