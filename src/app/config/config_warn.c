#include "app/config/config_warn.h"

#include <assert.h>

#include "app/config/config_table.h"
#include "app/config/config_value.h"
#include "app/config/token_keys.h"
#include "base/log.h"

bool config_has_default_secret(const struct config *c)
{
    const struct config_option *secret;

    if (token_keys_have_files(c) || key_algorithm_is_public((enum key_algorithm)c->jwt_algorithm))
        return false;
    secret = config_find(STR("JWT_SECRET"));
    assert(secret);
    return str_eq(str_of(c->jwt_secret), str_of(secret->initial));
}

/* Returns why a secret is probably not what its owner meant; NULL: nothing looks wrong. */
static const char *suspicion(struct str secret)
{
    char first, last;

    if (secret.n == 0)
        return NULL;
    first = secret.p[0];
    last = secret.p[secret.n - 1];
    if (last == '\n' || last == '\r')
        return "the value ends with a line break, which is part of it";
    if (secret.n >= 2 && first == last && (first == '"' || first == '\''))
        return "the value is in quotes, which are part of it";
    return NULL;
}

/* Warns about secrets that look wrong: a Secret of Kubernetes often ends with a line break, and
 * docker --env-file keeps quotes. */
static void warn_of_secrets(const struct config *config)
{
    struct config c = *config; /* config_text wants a pointer that is not const */

    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        const char *why = o->secret ? suspicion(str_of(*config_text(&c, o))) : NULL;

        if (why)
            log_warn("secret_looks_wrong", LOG_Z("option", o->name), LOG_Z("why", why));
    }
}

void config_warn(const struct config *c, const struct keyring *keys)
{
    if (c->disable_auth)
        log_warn("auth_disabled",
                 LOG_Z("why", "DISABLE_AUTH is on: anyone may read and write everything"));
    else if (config_has_default_secret(c))
        log_warn("default_secret",
                 LOG_Z("why", "JWT_SECRET is the published default: set your own"));
    else if (keyring_has_short_secret(keys))
        log_warn("short_secret",
                 LOG_Z("why", "a secret is shorter than its hash (HS256: 32 bytes) and can be "
                              "guessed from a token"));
    warn_of_secrets(c);
    if (c->jwt_jwks_url[0] && !c->jwt_audience[0] && !c->disable_auth)
        log_warn("any_audience",
                 LOG_Z("why", "JWT_AUDIENCE is not set: tokens that the provider of JWT_JWKS_URL "
                              "makes for other applications are accepted, too"));
    if (c->metrics_listen_address[0] && !c->metrics_listen_port)
        log_warn("metrics_listen_address_unused",
                 LOG_Z("why", "METRICS_LISTEN_PORT is not set: /metrics is served to clients"));
    if (!c->redis_tls && !c->redis_sentinel_tls && (c->redis_tls_ca[0] || c->redis_tls_cert[0]))
        log_warn("redis_tls_off",
                 LOG_Z("why", "REDIS_TLS_CA or REDIS_TLS_CERT is set, but REDIS_TLS is off: the "
                              "connection is not encrypted"));
    if (c->drain_delay >= c->shutdown_timeout)
        log_warn("drain_delay_too_long",
                 LOG_Z("why", "DRAIN_DELAY uses up SHUTDOWN_TIMEOUT: clients will be reset"));
}
