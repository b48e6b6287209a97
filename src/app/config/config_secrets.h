/* config_secrets.h - reads secrets that are kept in files: the file that the option NAME_FILE names
 * holds the value of NAME.
 * The files of is_live options (config_table.h) are read again later, without this module.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_SECRETS_H
#define EH_APP_CONFIG_SECRETS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "base/err.h"

/* Reads the files. Fails as config_load does. */
int config_read_secrets(struct config *c, struct buf *why) EH_MUST_USE;

#endif
