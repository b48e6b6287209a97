/* key_store.h - the keys that verify tokens, which change while the server runs: those of the
 * options, which SIGHUP reads again, and those of a provider (JWT_JWKS_URL), which a thread of its
 * own fetches.
 * Thread:  shared. A mutex guards which keyrings are current, and is held only to take references
 *          or to swap pointers. A keyring itself never changes.
 * Owns:    a reference of each current keyring. A worker holds its own while it verifies a token.
 */
#ifndef EH_APP_KEY_STORE_H
#define EH_APP_KEY_STORE_H

#include <stdbool.h>

#include "hub/keyring.h"

struct key_store;

/* Called on any thread when no key fits a token (keyring_may_lack_key). Returns true if the
 * provider may have the key by now, so that the client should try again. */
typedef bool key_store_ask_fn(void *arg);

struct key_store *key_store_create(struct keyring *keys); /* of the options; takes the reference */
void key_store_free(struct key_store *s);                 /* NULL is fine */

/* Takes the reference of the new keys of the options. */
void key_store_replace(struct key_store *s, struct keyring *keys);

/* The caller drops both references. */
struct key_rings {
    struct keyring *own;     /* of the options */
    struct keyring *fetched; /* of the provider; NULL: none yet, or there is no provider */
};
void key_store_take(struct key_store *s, struct key_rings *ret);

/* ---- the provider ---- */

/* Says that there is one, whose keys are not known yet. Before other threads start. */
void key_store_expect(struct key_store *s, key_store_ask_fn *ask, void *arg);
void key_store_fetched(struct key_store *s, struct keyring *keys); /* takes the reference */
/* `why` is static text that names no host: until keys have arrived, anyone can read it. */
void key_store_failed(struct key_store *s, const char *why);

/* Reports whether no keys of the provider have arrived yet. *ret_why is the last failure; "":
 * there was none. */
bool key_store_is_waiting(struct key_store *s, const char **ret_why);
/* Reports whether a token that no key fits may be good: it is worth another try. */
bool key_store_ask(struct key_store *s);

#endif
