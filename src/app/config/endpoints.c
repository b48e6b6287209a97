#include "app/config/endpoints.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool endpoint_is_address(struct str text)
{
    char z[INET6_ADDRSTRLEN] = { 0 };
    struct in6_addr ip;

    if (text.n >= sizeof(z))
        return false;
    memcpy(z, text.p, text.n);
    if (strlen(z) < text.n)
        return false;
    return inet_pton(AF_INET, z, &ip) == 1 || inet_pton(AF_INET6, z, &ip) == 1;
}

/* Accepts a host name or an IPv4 address. Checks only the characters, since a resolver may know any
 * name. */
static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);

        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return text.n > 0;
}

/* Accepts an IPv6 address, also one that names the interface: fe80::1%eth0. */
static bool is_v6(struct str text)
{
    struct str scope = text, address;

    (void)str_cut(&scope, '%', &address);
    if (scope.p && !is_name(scope))
        return false;
    return address.n > 0 && memchr(address.p, ':', address.n) && endpoint_is_address(address);
}

bool endpoint_is_host(struct str text)
{
    return text.n <= REDIS_HOST_MAX && (is_name(text) || is_v6(text));
}

bool endpoint_is_path(struct str text)
{
    return text.n > 0 && text.p[0] == '/';
}

static int parse_port(struct str text, uint16_t *ret)
{
    uint64_t port;

    EH_TRY(str_parse_u64(text, &port));
    if (port == 0 || port > UINT16_MAX)
        return EH_EINVAL;
    *ret = (uint16_t)port;
    return EH_OK;
}

/* Splits "host:port" and "[host]:port". *ret_port is {NULL, 0} without a port. */
static int split(struct str text, struct str *ret_host, struct str *ret_port)
{
    struct str rest = text, host;

    if (text.n && text.p[0] == '[') {
        rest = str_skip(text, 1);
        (void)str_cut(&rest, ']', &host);
        if (!rest.p || !is_v6(host) || (rest.n && rest.p[0] != ':'))
            return EH_EINVAL;
        rest = rest.n ? str_skip(rest, 1) : (struct str){ NULL, 0 };
    } else if (is_v6(text)) {
        host = text;
        rest = (struct str){ NULL, 0 };
    } else {
        (void)str_cut(&rest, ':', &host);
    }
    *ret_host = host;
    *ret_port = rest;
    return EH_OK;
}

static int parse_entry(struct str text, uint16_t default_port, struct redis_endpoint *ret)
{
    struct redis_endpoint e = { .port = default_port };
    struct str host, port;

    EH_TRY(split(text, &host, &port));
    if (!endpoint_is_host(host))
        return EH_EINVAL;
    if (port.p)
        EH_TRY(parse_port(port, &e.port));
    memcpy(e.host, host.p, host.n);
    *ret = e;
    return EH_OK;
}

static int parse_path(struct str text, struct redis_endpoint *ret)
{
    struct redis_endpoint e = { 0 };

    if (memchr(text.p, ',', text.n) || memchr(text.p, '\0', text.n))
        return EH_EINVAL; /* a comma: it is meant as one of several */
    if (text.n > ENDPOINT_PATH_MAX)
        return EH_ELIMIT;
    memcpy(e.host, text.p, text.n);
    *ret = e;
    return EH_OK;
}

/* Cuts the next entry off the list. */
static bool next_entry(struct str *list, struct str *ret)
{
    if (!str_cut(list, ',', ret))
        return false;
    while (list->n && list->p[0] == ' ')
        *list = str_skip(*list, 1);
    return true;
}

int endpoint_list_parse(struct str text, uint16_t default_port, struct endpoint_list *ret)
{
    struct endpoint_list list = { 0 };
    struct str rest = text, entry;
    int rc = EH_OK;
    size_t n = 0;

    while (next_entry(&rest, &entry))
        n++;
    if (n > ENDPOINTS_MAX)
        return EH_ELIMIT;
    if (n == 0)
        return EH_EINVAL;
    list.at = mem_zalloc(n * sizeof(list.at[0]));
    if (endpoint_is_path(text))
        rc = parse_path(text, &list.at[list.n++]);
    for (rest = text; rc == EH_OK && list.n < n && next_entry(&rest, &entry);)
        rc = parse_entry(entry, default_port, &list.at[list.n++]);
    if (rc < 0)
        endpoint_list_done(&list);
    else
        *ret = list;
    return rc;
}

void endpoint_list_done(struct endpoint_list *list)
{
    free(list->at);
    *list = (struct endpoint_list){ 0 };
}

struct str endpoint_list_wrong(struct str text)
{
    struct str rest = text, entry;
    struct redis_endpoint ignored;

    while (next_entry(&rest, &entry)) {
        if (parse_entry(entry, 1, &ignored) < 0)
            return entry;
    }
    return text;
}
