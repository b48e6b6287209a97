#include "app/redis_tls.h"

#include "base/log.h"

static struct tls_files files_of(const struct config *config)
{
    return (struct tls_files){ .certificate = config->redis_tls_cert,
                               .private_key = config->redis_tls_key,
                               .ca = config->redis_tls_ca };
}

int redis_tls_load(const struct config *config, struct tls **ret, struct buf *why)
{
    const struct tls_files files = files_of(config);
    char reason[TLS_WHY_MAX];

    *ret = NULL;
    if ((!config->redis_tls && !config->redis_sentinel_tls) ||
        config->broker != CONFIG_BROKER_REDIS)
        return EH_OK;
    if (tls_create(TLS_CLIENT, &files, ret, reason) == EH_OK)
        return EH_OK;
    buf_addf(why, "%s: %s", config->redis_tls ? "REDIS_TLS" : "REDIS_SENTINEL_TLS", reason);
    return EH_EINVAL;
}

void redis_tls_reload(const struct config *config, struct tls *tls)
{
    const struct tls_files files = files_of(config);
    char reason[TLS_WHY_MAX];

    if (tls && tls_reload(tls, &files, reason) < 0)
        log_error("redis_tls_refused", LOG_Z("why", reason));
}
