/* redis_login.h - the user name and the password for Redis, or for the Sentinels. If they are kept
 * in files, these are read again for each connection, so logins can change while the server runs.
 * Thread:  main creates and frees it; between broker_start and broker_stop only the broker's thread
 *          uses it. That thread waits for the disk while it reads a file, so the files should be
 *          local.
 * Owns:    copies of the texts and paths.
 * Fails:   never. A file that cannot be used is logged once (event=redis_login_refused), and the
 *          text that was read last stays in use.
 * Bounds:  a user name of REDIS_USERNAME_BYTES, a password of REDIS_PASSWORD_BYTES.
 */
#ifndef EH_BROKER_REDIS_LOGIN_H
#define EH_BROKER_REDIS_LOGIN_H

#include "base/str.h"

#define REDIS_USERNAME_BYTES 256
#define REDIS_PASSWORD_BYTES 4096

struct redis_login;

/* Paths: "" for none. With a path, the text is what the file held at the start. */
struct redis_login_config {
    const char *username; /* "": the default user */
    const char *password; /* "": none */
    const char *username_file;
    const char *password_file;
};

struct redis_login *redis_login_create(const struct redis_login_config *config);
void redis_login_free(struct redis_login *login);

/* Reads the files again. The texts are valid until the next call; both are empty if Redis needs no
 * login, and for NULL. */
void redis_login_read(struct redis_login *login, struct str *ret_username,
                      struct str *ret_password);

#endif
