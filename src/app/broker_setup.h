/* broker_setup.h - turns the options into the configuration of the broker, for the server and for
 * --check-broker.
 * Thread:  main.
 * Owns:    the logins. So keep the struct until the broker is freed.
 */
#ifndef EH_APP_BROKER_SETUP_H
#define EH_APP_BROKER_SETUP_H

#include "app/config/config.h"
#include "broker/config.h"

struct broker_setup {
    struct broker_config config; /* metrics is NULL: the caller sets it */
};

/* redis_tls comes from redis_tls_load; NULL: no TLS. Both are borrowed. After
 * config_read_secrets. */
void broker_setup_init(struct broker_setup *ret, const struct config *config,
                       struct tls *redis_tls);
void broker_setup_done(struct broker_setup *s); /* also of a struct of zeros */

#endif
