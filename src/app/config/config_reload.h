/* config_reload.h - reads the options again on SIGHUP.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_RELOAD_H
#define EH_APP_CONFIG_RELOAD_H

#include "app/config/config.h"

/* Reads all options again and applies LOG_LEVEL, the only one that may change while the server
 * runs; the broker reads the files of is_live options itself. Logs each other option that differs,
 * since it needs a restart, or why the options were refused. */
void config_reload(const struct config *running);

#endif
