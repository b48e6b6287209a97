#include "app/broker_setup.h"

#include "app/http/api_trim.h"
#include "app/memory.h"
#include "broker/redis_login.h"
#include "hub/revoked.h"

static struct redis_login *make_login(const struct config *c)
{
    const struct redis_login_config login = { c->redis_username, c->redis_password,
                                              c->redis_username_file, c->redis_password_file };

    return redis_login_create(&login);
}

static struct redis_login *make_sentinel_login(const struct config *c)
{
    const struct redis_login_config login = { c->redis_sentinel_username,
                                              c->redis_sentinel_password, "",
                                              c->redis_sentinel_password_file };

    return redis_login_create(&login);
}

/* Redis bounds its own entries. The table has room for as many again, so that it never lacks any:
 * it may have entries that Redis has lost, or has already forgotten. */
static struct revoked *make_revoked(const struct config *c)
{
    return revoked_create(c->broker == CONFIG_BROKER_MEMORY ? REVOKED_MAX : 2 * REVOKED_MAX);
}

#define TAIL_SHARE 16 /* this part of the memory may hold the last live messages */

void broker_setup_init(struct broker_setup *ret, const struct config *config, struct tls *redis_tls)
{
    ret->config = (struct broker_config){
        .kind = config->broker == CONFIG_BROKER_MEMORY ? BROKER_MEMORY : BROKER_REDIS,
        .cache = config->enable_cache,
        .max_cache_length = config->max_cache_length,
        .default_ttl_s = config->default_cache_ttl,
        .timeout_ms = config->broker_timeout * 1000,
        .memory_limit = config->memory_limit,
        .tail_memory = memory_available("") / TAIL_SHARE,
        .redis_hosts = config->redis_hosts.at,
        .n_redis_hosts = config->redis_hosts.n,
        .redis_cluster = (enum redis_cluster_mode)config->redis_cluster,
        .redis_sentinels = config->redis_sentinel_hosts.at,
        .n_redis_sentinels = config->redis_sentinel_hosts.n,
        .redis_sentinel_master = config->redis_sentinel_master,
        .redis_sentinel_login = make_sentinel_login(config),
        .redis_sentinel_tls = config->redis_sentinel_tls ? redis_tls : NULL,
        .redis_login = make_login(config),
        .redis_db = (unsigned)config->redis_db,
        .redis_wait = (unsigned)config->redis_wait,
        .redis_tls = config->redis_tls ? redis_tls : NULL,
        .redis_tls_name = config->redis_tls_name,
        .redis_prefix = config->redis_prefix,
        .redis_pool_size = (unsigned)config->redis_pool_size,
        .trim_answers = api_trim,
        .revoked = make_revoked(config),
    };
}

void broker_setup_done(struct broker_setup *s)
{
    redis_login_free(s->config.redis_login);
    redis_login_free(s->config.redis_sentinel_login);
    revoked_free(s->config.revoked);
}
