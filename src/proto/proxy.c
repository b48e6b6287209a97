#include "proto/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/array.h"
#include "base/ip.h"

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1: a line of text ---- */

/* Parses a number as the protocol defines it: no sign, no leading zero. */
static int parse_port(struct str s, uint16_t *ret)
{
    uint64_t port;

    if (s.n == 0 || (s.n > 1 && s.p[0] == '0') || str_parse_u64(s, &port) < 0 || port > 65535)
        return EH_EINVAL;
    *ret = (uint16_t)port;
    return EH_OK;
}

static int parse_ip(int family, struct str s, struct proxy_header *ret)
{
    char z[INET6_ADDRSTRLEN];
    uint8_t ip[16];

    if (s.n >= sizeof(z) || (s.n && memchr(s.p, '\0', s.n)))
        return EH_EINVAL;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    if (inet_pton(family, z, ip) != 1)
        return EH_EINVAL;
    if (family == AF_INET)
        ip_set_v4(ret->ip, ip);
    else
        memcpy(ret->ip, ip, sizeof(ip));
    return EH_OK;
}

/* Parses the text between "PROXY " and CRLF: family, source, destination and their ports. */
static int parse_fields(struct str s, struct proxy_header *ret)
{
    struct proxy_header destination;
    struct str word[5];
    uint16_t port;
    bool is_v4;
    int family;

    *ret = (struct proxy_header){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(word); i++) {
        if (!str_cut(&s, ' ', &word[i]))
            return EH_EINVAL;
        if (i == 0 && str_eq(word[0], STR("UNKNOWN")))
            return EH_OK; /* ignores the rest of the line */
    }
    is_v4 = str_eq(word[0], STR("TCP4"));
    family = is_v4 ? AF_INET : AF_INET6;
    if (s.p || (!is_v4 && !str_eq(word[0], STR("TCP6"))))
        return EH_EINVAL;
    EH_TRY(parse_ip(family, word[1], ret));
    EH_TRY(parse_ip(family, word[2], &destination));
    EH_TRY(parse_port(word[3], &ret->port));
    EH_TRY(parse_port(word[4], &port));
    ret->has_source = true;
    return EH_OK;
}

static int parse_v1(struct str in, struct proxy_header *ret)
{
    size_t begin = strlen("PROXY ");
    struct str line = str_make(in.p, in.n < PROXY_V1_MAX ? in.n : PROXY_V1_MAX);
    const char *end = memchr(line.p, '\n', line.n);
    struct proxy_header h;
    size_t n;

    if (!end)
        return in.n < PROXY_V1_MAX ? 0 : EH_EINVAL;
    n = (size_t)(end - line.p);
    if (line.p[n - 1] != '\r')
        return EH_EINVAL;
    EH_TRY(parse_fields(str_make(line.p + begin, n - 1 - begin), &h));
    *ret = h;
    return (int)n + 1;
}

/* ---- version 2: binary ---- */

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 }; /* version and command */
enum { V2_TCP4 = 0x11, V2_TCP6 = 0x21 };   /* family and transport */

static unsigned u16(const char *p)
{
    return (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

/* Returns the bytes of one address that matters: none in LOCAL, of a Unix socket, or of an
 * unspecified family. */
static size_t ip_bytes(uint8_t command, uint8_t family)
{
    if (command != V2_PROXY)
        return 0;
    if (family == V2_TCP4)
        return 4;
    return family == V2_TCP6 ? 16 : 0;
}

static int parse_v2(struct str in, struct proxy_header *ret)
{
    struct proxy_header h = { 0 };
    size_t body_n, ip_n, addresses_n;

    if (in.n > 12 && (uint8_t)in.p[12] != V2_LOCAL && (uint8_t)in.p[12] != V2_PROXY)
        return EH_EINVAL;
    if (in.n < PROXY_V2_HEAD)
        return 0;
    body_n = u16(in.p + 14);
    ip_n = ip_bytes((uint8_t)in.p[12], (uint8_t)in.p[13]);
    addresses_n = ip_n ? 2 * ip_n + 4 : 0;
    if (body_n < addresses_n)
        return EH_EINVAL;
    if (in.n < PROXY_V2_HEAD + addresses_n)
        return 0;
    if (ip_n) { /* source, destination, source port, destination port */
        const char *p = in.p + PROXY_V2_HEAD;

        if (ip_n == 4)
            ip_set_v4(h.ip, p);
        else
            memcpy(h.ip, p, 16);
        h.port = (uint16_t)u16(p + 2 * ip_n);
        h.has_source = true;
    }
    *ret = h;
    return (int)(PROXY_V2_HEAD + body_n);
}

/* ---- both versions ---- */

/* Compares the two up to the end of the shorter one. */
static bool agrees(struct str in, struct str begin)
{
    size_t n = in.n < begin.n ? in.n : begin.n;

    return n == 0 || memcmp(in.p, begin.p, n) == 0;
}

int proxy_parse(struct str in, struct proxy_header *ret)
{
    static const struct str v1 = { "PROXY ", 6 };
    const struct str v2 = { v2_signature, sizeof(v2_signature) };

    if (agrees(in, v1))
        return in.n < v1.n ? 0 : parse_v1(in, ret);
    if (agrees(in, v2))
        return in.n < v2.n ? 0 : parse_v2(in, ret);
    return EH_EINVAL;
}
