/* ip.h - IPv4 addresses among the 16 bytes of IPv6 ones: ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
 * Thread:  any; pure. Header only.
 */
#ifndef EH_BASE_IP_H
#define EH_BASE_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IP_V4_PREFIX 12 /* bytes before the four of an IPv4 address */

static inline bool ip_is_v4(const uint8_t ip[16])
{
    static const uint8_t prefix[IP_V4_PREFIX] = { [10] = 0xff, [11] = 0xff };

    return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

/* Sets ip from the four bytes of an IPv4 address. */
static inline void ip_set_v4(uint8_t ip[16], const void *v4)
{
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    memcpy(ip + IP_V4_PREFIX, v4, 4);
}

#endif
