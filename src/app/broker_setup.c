#include "app/broker_setup.h"

#include <stdio.h>

void broker_setup_init(struct broker_setup *ret, const struct config *config, struct tls *redis_tls)
{
    ret->config = (struct broker_config){
        .kind = config->broker == CONFIG_BROKER_MEMORY ? BROKER_MEMORY : BROKER_REDIS,
        .cache = config->enable_cache,
        .max_cache_length = config->max_cache_length,
        .default_ttl_s = config->default_cache_ttl,
        .timeout_ms = config->broker_timeout * 1000,
        .memory_limit = config->memory_limit,
        .redis_hosts = &ret->redis,
        .n_redis_hosts = 1,
        .redis_username = config->redis_username,
        .redis_password = config->redis_password,
        .redis_db = (unsigned)config->redis_db,
        .redis_tls = redis_tls,
        .redis_prefix = config->redis_prefix,
        .redis_pool_size = (unsigned)config->redis_pool_size,
    };
    ret->redis.port = (uint16_t)config->redis_port;
    (void)snprintf(ret->redis.host, sizeof(ret->redis.host), "%s", config->redis_host);
}
