/* config_hint.h - recognizes values that people write by mistake, because other programs take them.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_HINT_H
#define EH_APP_CONFIG_HINT_H

#include <stdbool.h>

#include "app/config/config_table.h"
#include "base/buf.h"
#include "base/str.h"

bool config_is_url(struct str text);
/* Reports whether the text is a key or a certificate, where the path of its file is expected. */
bool config_is_file_content(struct str text);

/* Adds what a refused value of the option looks like and what to write instead: ", not a host with
 * a port: set LISTEN_PORT". Never adds the value, which may hold a password. False: the value is
 * not a known mistake, or a secret of any form, and nothing was added. */
bool config_add_hint(struct buf *out, const struct config_option *o, struct str text);

#endif
