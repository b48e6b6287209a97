/* token_source.h - the key that `token` signs with and the keys that `token inspect` verifies with:
 * from a file of their own (--key), or as a server finds them: JWT_SECRET and the other options
 * that begin with JWT_, from the environment and the server's configuration file. Faults of the
 * server's other options do not matter here.
 * Thread:  main; reads files.
 * Owns:    its keys, until token_source_close, which overwrites what was read.
 * Fails:   with EH_EINVAL and one line in *why, which contains no part of a key. It does not repeat
 *          the value of --key either: that may be a secret in place of the name of a file.
 */
#ifndef EH_CTL_TOKEN_SOURCE_H
#define EH_CTL_TOKEN_SOURCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "hub/keyring.h"
#include "hub/token_sign.h"

/* The error text for the option --secret. */
#define TOKEN_NO_SECRET                                                                            \
    "a secret on the command line could be seen by others: set JWT_SECRET in the environment, or " \
    "name a file (--key FILE)"

struct token_source;

/* The places to look for keys. Borrowed. */
struct token_place {
    const char *key_file;    /* --key; NULL: none, as below */
    const char *config_file; /* --config */
    char **environment;
};

int token_source_open(const struct token_place *place, struct token_source **ret,
                      struct buf *why) EH_MUST_USE;
void token_source_close(struct token_source *s); /* NULL is fine */

/* JWT_AUDIENCE and JWT_ISSUER: NULL if not set. */
const char *token_source_audience(const struct token_source *s);
const char *token_source_issuer(const struct token_source *s);
uint64_t token_source_leeway_ms(const struct token_source *s); /* JWT_LEEWAY */

/* Reports whether a server has keys that are not known here, those of JWT_JWKS_URL. */
bool token_source_has_provider(const struct token_source *s);
/* Reports whether nobody has chosen a key: then it is the default secret of development servers,
 * which is public. */
bool token_source_is_default(const struct token_source *s);

struct token_key {
    struct token_signer *signer; /* the caller's */
    enum key_algorithm algorithm;
    struct buf kid;  /* for the token's header; empty: none */
    struct buf name; /* what it is, to be shown: "JWT_SECRET", "the key in k.pem" */
};

/* Chooses the key to sign with. algorithm NULL: the one that fits the key, or JWT_ALGORITHM. kid
 * "": of JWT_KEYS_FILE, the first secret. */
int token_source_signer(const struct token_source *s, const enum key_algorithm *algorithm,
                        struct str kid, struct token_key *ret, struct buf *why) EH_MUST_USE;
void token_key_done(struct token_key *k);

/* Loads the keys to verify with. With --key, a secret serves all HS algorithms. */
int token_source_keys(const struct token_source *s, struct keyring **ret_keys,
                      struct buf *why) EH_MUST_USE;
/* Adds how to call the key of that ring. */
void token_source_add_key_name(const struct token_source *s, struct buf *out,
                               const struct keyring_key *key);

#endif
