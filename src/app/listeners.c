#include "app/listeners.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"
#include "net/sock.h"

/* The purpose of a listener: the name of a socket that is handed over, and where to listen if there
 * is none. */
struct role {
    const char *name;
    struct listener kind;
    bool is_wanted;
    const char *refused; /* why a socket is refused if the role is not wanted; NULL: it is taken */
    const char *address;
    uint64_t port;
    const char *path; /* of a Unix socket; NULL: it is a TCP socket */
    mode_t mode;
};

static void add(struct listeners *l, int fd, const struct role *role, bool is_kept)
{
    l->fds[l->n] = fd;
    l->are_kept[l->n] = is_kept;
    l->at[l->n++] = role->kind;
}

static int refuse(int fd, struct str name, const char *why)
{
    log_error("socket_refused", LOG_N("fd", fd), LOG_S("name", name), LOG_Z("why", why));
    return EH_EINVAL;
}

static const char *why_not_at(int rc)
{
    if (rc == EH_EINVAL)
        return "something that is not a socket is in the way: remove it, or choose another path";
    return errno == EADDRINUSE ? "another process listens there" : strerror(errno);
}

static int open_unix(struct listeners *l, const struct role *role)
{
    int fd, rc;

    rc = unix_socket_listen(role->path, role->mode, &fd, &l->file);
    if (rc < 0) {
        log_error("listen_failed", LOG_Z("path", role->path), LOG_Z("why", why_not_at(rc)));
        return rc;
    }
    add(l, fd, role, false);
    return EH_OK;
}

static int open_tcp(struct listeners *l, const struct role *role)
{
    int fd, rc;

    rc = sock_listen(str_of(role->address), (uint16_t)role->port, &fd);
    if (rc < 0) {
        log_error("listen_failed", LOG_Z("address", role->address), LOG_N("port", role->port),
                  LOG_Z("why", rc == EH_EINVAL ? "the address must be an IPv4 or IPv6 address"
                                               : strerror(errno)));
        return rc;
    }
    add(l, fd, role, false);
    return EH_OK;
}

/* Takes the sockets of this name. If there are none and the options ask for it, opens one. */
static int open_role(struct listeners *l, const struct role *role, const struct handover *handed)
{
    struct str name = str_of(role->name);
    size_t before = l->n;
    int fd;

    for (size_t i = 0; i < handed->n; i++) {
        if (!str_eq(handed->names[i], name))
            continue;
        fd = HANDOVER_FIRST_FD + (int)i;
        if (!role->is_wanted && role->refused)
            return refuse(fd, name, role->refused);
        if (sock_adopt(fd, role->path ? SOCK_UNIX : SOCK_TCP) < 0)
            return refuse(fd, name,
                          role->path ? "the socket must be a listening Unix socket"
                                     : "the socket must be a listening TCP socket (a Unix socket "
                                       "is called unix)");
        add(l, fd, role, true);
    }
    if (l->n > before || !role->is_wanted)
        return EH_OK;
    return role->path ? open_unix(l, role) : open_tcp(l, role);
}

static int check_names(const struct handover *handed, const struct role *roles, size_t n_roles)
{
    for (size_t i = 0; i < handed->n; i++) {
        size_t r = 0;

        while (r < n_roles && !str_eq(handed->names[i], str_of(roles[r].name)))
            r++;
        if (r == n_roles)
            return refuse(HANDOVER_FIRST_FD + (int)i, handed->names[i],
                          "the name must be http, https or metrics, or unix for a Unix socket "
                          "(FileDescriptorName=)");
    }
    return EH_OK;
}

static int open_all(const struct config *config, struct tls *tls, const struct handover *handed,
                    struct listeners *ret)
{
    const char *inner = config->metrics_listen_address;
    const struct role roles[] = {
        { .name = "http",
          .kind = { .has_proxy_header = config->proxy_protocol },
          .is_wanted = !config->disable_unsecure_listener,
          .refused = "DISABLE_UNSECURE_LISTENER is on",
          .address = config->listen_address,
          .port = config->listen_port },
        { .name = "https",
          .kind = { .tls = tls, .has_proxy_header = config->proxy_protocol },
          .is_wanted = tls != NULL,
          .refused = "ENABLE_SSL is off",
          .address = config->listen_address,
          .port = config->ssl_listen_port },
        { .name = "unix",
          .kind = { .has_proxy_header = config->proxy_protocol },
          .is_wanted = config->listen_unix[0] != '\0',
          .path = config->listen_unix,
          .mode = (mode_t)config->listen_unix_mode },
        { .name = "metrics",
          .kind = { .is_internal = true },
          .is_wanted = config->metrics_listen_port != 0,
          .address = inner[0] ? inner : config->listen_address,
          .port = config->metrics_listen_port },
    };

    EH_TRY(check_names(handed, roles, ARRAY_LEN(roles)));
    EH_TRY(open_role(ret, &roles[0], handed));
    EH_TRY(open_role(ret, &roles[1], handed));
    EH_TRY(open_role(ret, &roles[2], handed));
    ret->n_public = ret->n;
    return open_role(ret, &roles[3], handed);
}

int listeners_open(const struct config *config, struct tls *tls, struct listeners *ret)
{
    struct handover handed;
    const char *why;
    int rc;

    *ret = (struct listeners){ .n = 0 };
    if (handover_take(&handed, &why) < 0) {
        log_error("sockets_refused", LOG_Z("why", why));
        return EH_EINVAL;
    }
    if (handed.n)
        log_info("sockets_handed_over", LOG_N("count", handed.n));
    rc = open_all(config, tls, &handed, ret);
    handover_done(&handed);
    return rc;
}

void listeners_remove_file(struct listeners *l)
{
    unix_socket_remove(&l->file);
}

void listeners_log(const struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct sock_addr local;
        char text[SOCK_ADDR_TEXT], path[UNIX_SOCKET_PATH_MAX + 2];

        sock_local_addr(l->fds[i], &local);
        if (sock_addr_is_none(&local) && local.port == 0) {
            unix_socket_path(l->fds[i], path);
            log_info("listening", LOG_Z("path", path));
            continue;
        }
        sock_addr_format(&local, text);
        log_info(l->at[i].is_internal ? "metrics_listening" : "listening", LOG_Z("address", text),
                 LOG_N("port", local.port), LOG_Z("tls", l->at[i].tls ? "yes" : "no"));
    }
}
