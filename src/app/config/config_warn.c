/* Options that are allowed, and that somebody should know of. */
#include "app/config/config.h"

#include "base/log.h"
#include "hub/keyring.h"

static void warn_of_secrets(const struct config *c, const struct keyring *keys)
{
    if (config_has_default_secret(c))
        log_warn("default_secret",
                 LOG_Z("why", "JWT_SECRET is the well-known default: set your own"));
    else if (keyring_has_short_secret(keys))
        log_warn("short_secret", LOG_Z("why", "a secret of tokens is shorter than its hash "
                                              "(HS256: 32 bytes): it can be guessed from a token"));
}

void config_warn(const struct config *c, const struct keyring *keys)
{
    if (c->disable_auth)
        log_warn("auth_disabled", LOG_Z("why", "DISABLE_AUTH: everybody may do everything"));
    else
        warn_of_secrets(c, keys);
    if (c->metrics_listen_address[0] && !c->metrics_listen_port)
        log_warn("metrics_listen_address_unused",
                 LOG_Z("why", "METRICS_LISTEN_PORT is not set: /metrics is where clients are"));
    if (c->drain_delay >= c->shutdown_timeout)
        log_warn("drain_delay_too_long",
                 LOG_Z("why", "it leaves nothing of SHUTDOWN_TIMEOUT: clients would be reset"));
}
