#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/ip.h"

/* Fills *ret from a numeric address. */
static int address_parse(struct str text, uint16_t port, struct sockaddr_storage *ret,
                         socklen_t *len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    char z[INET6_ADDRSTRLEN + 1];

    if (text.n >= sizeof(z))
        return EH_EINVAL;
    if (text.n)
        memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, z, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *len = sizeof(*v4);
        return EH_OK;
    }
    if (inet_pton(AF_INET6, z, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *len = sizeof(*v6);
        return EH_OK;
    }
    return EH_EINVAL;
}

void sock_nodelay(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int fail_closing(int fd)
{
    int err = errno;

    close(fd);
    errno = err;
    return EH_EIO;
}

static int listen_on(struct str address, uint16_t port, int *ret_fd)
{
    struct sockaddr_storage addr;
    socklen_t len;
    int on = 1, off = 0;
    int fd;

    EH_TRY(address_parse(address, port, &addr, &len));
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return EH_EIO;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sock_nodelay(fd); /* accepted connections inherit it */
    if (addr.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, SOCK_BACKLOG) < 0)
        return fail_closing(fd);
    *ret_fd = fd;
    return EH_OK;
}

int sock_listen(struct str address, uint16_t port, int *ret_fd)
{
    int rc;

    if (address.n)
        return listen_on(address, port, ret_fd);
    rc = listen_on(STR("::"), port, ret_fd);
    if (rc == EH_EIO && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        rc = listen_on(STR("0.0.0.0"), port, ret_fd);
    return rc;
}

static int int_option(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    (void)getsockopt(fd, SOL_SOCKET, option, &value, &len); /* on failure -1, which no option has */
    return value;
}

static bool is_of(enum sock_family family, int domain)
{
    if (family == SOCK_UNIX)
        return domain == AF_UNIX;
    return domain == AF_INET || domain == AF_INET6;
}

int sock_adopt(int fd, enum sock_family family)
{
    if (!is_of(family, int_option(fd, SO_DOMAIN)) || int_option(fd, SO_TYPE) != SOCK_STREAM ||
        int_option(fd, SO_ACCEPTCONN) != 1)
        return EH_EINVAL;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return EH_EINVAL;
    return EH_OK;
}

static void addr_from(const struct sockaddr_storage *from, struct sock_addr *ret)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

    memset(ret, 0, sizeof(*ret));
    if (from->ss_family == AF_INET) {
        ip_set_v4(ret->ip, &v4->sin_addr);
        ret->port = ntohs(v4->sin_port);
    } else if (from->ss_family == AF_INET6) {
        memcpy(ret->ip, &v6->sin6_addr, 16);
        ret->port = ntohs(v6->sin6_port);
    }
}

int sock_accept(int listen_fd, int *ret_fd, struct sock_addr *ret_peer)
{
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof(from);
    int fd;

    do {
        fd = accept4(listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0)
        return EH_EIO;
    addr_from(&from, ret_peer);
    *ret_fd = fd;
    return EH_OK;
}

int sock_connect(const struct sockaddr *addr, socklen_t len, int *ret_fd)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return EH_EIO;
    if (addr->sa_family != AF_UNIX)
        sock_nodelay(fd);
    if (connect(fd, addr, len) < 0 && errno != EINPROGRESS)
        return fail_closing(fd);
    *ret_fd = fd;
    return EH_OK;
}

int sock_dial(struct str address, uint16_t port, unsigned timeout_ms, int *ret_fd)
{
    struct sockaddr_storage addr;
    socklen_t len;

    EH_TRY(address_parse(address, port, &addr, &len));
    return sock_dial_to((struct sockaddr *)&addr, len, timeout_ms, ret_fd);
}

int sock_dial_to(const struct sockaddr *addr, socklen_t len, unsigned timeout_ms, int *ret_fd)
{
    const struct timeval most = { .tv_sec = timeout_ms / 1000,
                                  .tv_usec = timeout_ms % 1000 * 1000 };
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return EH_EIO;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)); /* connecting too */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    if (connect(fd, addr, len) < 0)
        return fail_closing(fd);
    *ret_fd = fd;
    return EH_OK;
}

int sock_error(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        return errno;
    return err;
}

void sock_user_timeout(int fd, unsigned ms)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* Cuts ":port" off, which may follow brackets or the only colon. */
static int cut_port(struct str *text, uint16_t *ret)
{
    const char *colon = text->n ? memrchr(text->p, ':', text->n) : NULL;
    const char *first = text->n ? memchr(text->p, ':', text->n) : NULL;
    uint64_t port;

    *ret = 0;
    if (!colon || (colon != first && colon[-1] != ']'))
        return EH_OK;
    EH_TRY(str_parse_u64(str_skip(*text, (size_t)(colon + 1 - text->p)), &port));
    text->n = (size_t)(colon - text->p);
    *ret = (uint16_t)port;
    return port <= UINT16_MAX ? EH_OK : EH_ELIMIT;
}

int sock_addr_parse(struct str text, struct sock_addr *ret)
{
    struct sockaddr_storage addr;
    socklen_t len;
    uint16_t port;

    EH_TRY(cut_port(&text, &port));
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = str_make(text.p + 1, text.n - 2);
    if (text.n && memchr(text.p, '\0', text.n))
        return EH_EINVAL;
    EH_TRY(address_parse(text, 0, &addr, &len));
    addr_from(&addr, ret);
    ret->port = port;
    return EH_OK;
}

bool sock_addr_is_none(const struct sock_addr *a)
{
    static const uint8_t none[sizeof(a->ip)];

    return memcmp(a->ip, none, sizeof(none)) == 0;
}

void sock_addr_format(const struct sock_addr *a, char out[SOCK_ADDR_TEXT])
{
    char ip[INET6_ADDRSTRLEN];

    if (sock_addr_is_none(a) && a->port == 0) {
        (void)snprintf(out, SOCK_ADDR_TEXT, "unix");
        return;
    }
    if (ip_is_v4(a->ip)) {
        (void)inet_ntop(AF_INET, a->ip + IP_V4_PREFIX, ip, sizeof(ip));
        (void)snprintf(out, SOCK_ADDR_TEXT, "%s:%u", ip, a->port);
        return;
    }
    (void)inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
    (void)snprintf(out, SOCK_ADDR_TEXT, "[%s]:%u", ip, a->port);
}

void sock_local_addr(int fd, struct sock_addr *ret)
{
    struct sockaddr_storage local = { 0 };
    socklen_t len = sizeof(local);

    if (getsockname(fd, (struct sockaddr *)&local, &len) < 0)
        local.ss_family = AF_UNSPEC;
    addr_from(&local, ret);
}
