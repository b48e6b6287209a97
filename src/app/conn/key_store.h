/* key_store.h - the keys that verify tokens, which change on SIGHUP.
 * Thread:  shared. A mutex guards which keyring is the current one, and is held only to take a
 *          reference or to swap two pointers. A keyring itself never changes.
 * Owns:    a reference of the current keyring. A worker holds one of its own while it verifies a
 *          token.
 */
#ifndef EH_APP_KEY_STORE_H
#define EH_APP_KEY_STORE_H

#include "hub/keyring.h"

struct key_store;

struct key_store *key_store_create(struct keyring *keys); /* takes the reference */
void key_store_free(struct key_store *s);                 /* NULL is fine */

void key_store_replace(struct key_store *s, struct keyring *keys); /* takes the reference */
struct keyring *key_store_take(struct key_store *s); /* the caller drops the reference */

#endif
