#include "app/listeners.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "net/sock.h"

static int add(struct listeners *l, const char *address, uint64_t port, struct listener kind)
{
    int rc = sock_listen(str_of(address), (uint16_t)port, &l->fds[l->n]);

    if (rc < 0) {
        log_error("listen_failed", LOG_Z("address", address), LOG_N("port", port),
                  LOG_Z("why", rc == EH_EINVAL ? "not an address" : strerror(errno)));
        return rc;
    }
    l->at[l->n++] = kind;
    return EH_OK;
}

int listeners_open(const struct config *config, struct tls *tls, struct listeners *ret)
{
    struct listener public = { .has_proxy_header = config->proxy_protocol };
    const char *internal = config->metrics_listen_address;

    *ret = (struct listeners){ .n = 0 };
    if (!config->disable_unsecure_listener)
        EH_TRY(add(ret, config->listen_address, config->listen_port, public));
    public.tls = tls;
    if (tls)
        EH_TRY(add(ret, config->listen_address, config->ssl_listen_port, public));
    ret->n_public = ret->n;
    if (config->metrics_listen_port)
        EH_TRY(add(ret, internal[0] ? internal : config->listen_address,
                   config->metrics_listen_port, (struct listener){ .is_internal = true }));
    return EH_OK;
}

void listeners_log(const struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct sock_addr local;
        char text[SOCK_ADDR_TEXT];

        sock_local_addr(l->fds[i], &local);
        sock_addr_format(&local, text);
        log_info(l->at[i].is_internal ? "metrics_listening" : "listening", LOG_Z("address", text),
                 LOG_N("port", local.port), LOG_Z("tls", l->at[i].tls ? "yes" : "no"));
    }
}
