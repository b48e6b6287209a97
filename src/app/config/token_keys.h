/* token_keys.h - the keys that verify tokens, from the options and the files that they name.
 * Thread:  main, before the others start.
 * Fails:   with EH_EINVAL and one line in *why, which names the option and the fault, and contains
 *          no part of a key.
 */
#ifndef EH_APP_TOKEN_KEYS_H
#define EH_APP_TOKEN_KEYS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "hub/keyring.h"

/* Reads JWT_KEYS_FILE or, where it is not set, JWT_PUBLIC_KEY (RS, PS, ES, EdDSA) or JWT_SECRET and
 * JWT_SECRET_PREVIOUS (HS). */
int token_keys_load(const struct config *config, struct keyring **ret_keys,
                    struct buf *why) EH_MUST_USE;

#endif
