/* token_keys.h - the keys of tokens, from the options and the files that they name.
 * Thread:  main, before the others start.
 * Fails:   EH_EINVAL; one line in *ret_why (free its p) says which option and what is wrong, and
 *          holds nothing of a key.
 */
#ifndef EH_APP_TOKEN_KEYS_H
#define EH_APP_TOKEN_KEYS_H

#include "app/config/config.h"
#include "hub/keyring.h"

/* JWT_KEYS_FILE; else JWT_PUBLIC_KEY or JWT_SECRET and JWT_SECRET_PREVIOUS, by JWT_ALGORITHM. */
int token_keys_load(const struct config *config, struct keyring **ret_keys,
                    struct str *ret_why) EH_MUST_USE;

#endif
