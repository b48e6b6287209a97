/* token_keys.h - the keys that verify tokens, from the options and the files that they name.
 * Thread:  main, before the others start.
 * Fails:   with EH_EINVAL and one line in *why, which names the option and the fault, and contains
 *          no part of a key.
 */
#ifndef EH_APP_TOKEN_KEYS_H
#define EH_APP_TOKEN_KEYS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "hub/jwks.h"
#include "hub/keyring.h"

/* Reads JWT_KEYS_FILE and JWT_JWKS_FILE or, if neither is set, JWT_PUBLIC_KEY (RS, PS, ES, EdDSA)
 * or JWT_SECRET and JWT_SECRET_PREVIOUS (HS). *ret_skipped says which keys of JWT_JWKS_FILE cannot
 * be used. */
int token_keys_load(const struct config *config, struct keyring **ret_keys,
                    struct jwks_result *ret_skipped, struct buf *why) EH_MUST_USE;

/* Reports whether a file of keys is set, so that JWT_SECRET, JWT_PUBLIC_KEY and JWT_ALGORITHM do
 * not count. */
bool token_keys_have_files(const struct config *config);

#endif
