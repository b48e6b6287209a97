/* config_warn.h - warns about options that are valid but rarely intended.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_WARN_H
#define EH_APP_CONFIG_WARN_H

#include "app/config/config.h"
#include "hub/keyring.h"

/* Logs the warnings, once at start. */
void config_warn(const struct config *c, const struct keyring *keys);

/* Reports whether tokens are verified with the published default secret. */
bool config_has_default_secret(const struct config *c);

#endif
