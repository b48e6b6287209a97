/* broker_setup.h - turns the options into the configuration of the broker, for the server and for
 * --check-broker.
 * Thread:  main.
 * Owns:    what the configuration points to and the options do not have in that form. So keep the
 *          struct as long as the broker uses the configuration.
 */
#ifndef EH_APP_BROKER_SETUP_H
#define EH_APP_BROKER_SETUP_H

#include "app/config/config.h"
#include "broker/config.h"

struct broker_setup {
    struct broker_config config; /* metrics is NULL: the caller sets it */
    struct redis_endpoint redis;
};

/* redis_tls comes from redis_tls_load; NULL: no TLS. Both are borrowed. */
void broker_setup_init(struct broker_setup *ret, const struct config *config,
                       struct tls *redis_tls);

#endif
