#include "app/redis_tls.h"

#include "base/log.h"

static bool is_wanted(const struct config *config)
{
    return config->redis_tls && config->broker == CONFIG_BROKER_REDIS;
}

static struct tls_files files_of(const struct config *config)
{
    return (struct tls_files){ .certificate = config->redis_tls_cert,
                               .private_key = config->redis_tls_key,
                               .ca = config->redis_tls_ca };
}

static void log_refusal(const char *why)
{
    log_error("redis_tls_refused", LOG_Z("why", why));
}

int redis_tls_check(const struct config *config, char why[TLS_WHY_MAX])
{
    const struct tls_files files = files_of(config);
    struct tls *tls;

    if (!is_wanted(config))
        return EH_OK;
    EH_TRY(tls_create(TLS_CLIENT, &files, &tls, why));
    tls_free(tls);
    return EH_OK;
}

/* Files that are given and not used: somebody may believe that the connection is encrypted. */
static void warn_if_off(const struct config *config)
{
    if (!config->redis_tls && (config->redis_tls_ca[0] || config->redis_tls_cert[0]))
        log_warn("redis_tls_off", LOG_Z("why", "REDIS_TLS_CA or _CERT is set, REDIS_TLS is not"));
}

int redis_tls_load(const struct config *config, struct tls **ret)
{
    const struct tls_files files = files_of(config);
    char why[TLS_WHY_MAX];

    warn_if_off(config);
    *ret = NULL;
    if (!is_wanted(config) || tls_create(TLS_CLIENT, &files, ret, why) == EH_OK)
        return EH_OK;
    log_refusal(why);
    return EH_EINVAL;
}

void redis_tls_reload(const struct config *config, struct tls *tls)
{
    const struct tls_files files = files_of(config);
    char why[TLS_WHY_MAX];

    if (tls && tls_reload(tls, &files, why) < 0)
        log_refusal(why);
}
