#include "support/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST 10000
#define TRIES 100

/* The ports from here on are those that the kernel chooses. */
static unsigned kernels_first(void)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    unsigned first = 0;

    if (!f || fscanf(f, "%u", &first) != 1)
        first = 0;
    if (f)
        fclose(f);
    return first > FIRST ? first : FIRST + 10000;
}

static bool listens(int fd, const void *addr, size_t n)
{
    if (fd >= 0 && bind(fd, addr, (socklen_t)n) == 0 && listen(fd, 1) == 0)
        return true;
    if (fd >= 0)
        close(fd);
    return false;
}

/* Some versions of Node pad the name with zeros, so there are two names for a port. The sockets
 * stay open until the process ends. */
static bool claim(unsigned port)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t n = offsetof(struct sockaddr_un, sun_path) + 1; /* the first byte stays 0 */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    n += (size_t)snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "eventhub-test-port-%u",
                          port);
    if (!listens(fd, &name, sizeof(name)))
        return false;
    if (listens(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &name, n))
        return true;
    close(fd);
    return false;
}

static bool is_free(unsigned port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    /* As servers do: the port of a server that has just ended is free. */
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (!listens(fd, &addr, sizeof(addr)))
        return false;
    close(fd);
    return true;
}

uint16_t free_port_claim(void)
{
    unsigned last = kernels_first() - 1;

    for (int i = 0; i < TRIES; i++) {
        unsigned random;
        unsigned port;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return 0;
        port = FIRST + random % (last - FIRST + 1);
        if (claim(port) && is_free(port))
            return (uint16_t)port;
    }
    return 0;
}
