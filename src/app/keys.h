/* keys.h - logs and counts the keys that verify tokens, and reads their files again on SIGHUP.
 * Thread:  main, which may read files.
 * Fails:   a failed reload keeps the keys that were loaded before, and is logged and counted.
 */
#ifndef EH_APP_KEYS_H
#define EH_APP_KEYS_H

#include "app/config/config.h"
#include "app/conn/key_store.h"
#include "hub/jwks.h"
#include "hub/metrics.h"

/* Logs what is unusual about the options (config_warn), and reports the keys that were loaded at
 * the start. */
void keys_started(const struct config *config, struct key_store *store,
                  const struct jwks_result *skipped, struct metrics_cell *metrics);
/* Reads the files of the running options again. Connections keep the rights that they have. */
void keys_reload(const struct config *config, struct key_store *store,
                 struct metrics_cell *metrics);

#endif
