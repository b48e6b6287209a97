/* redis_url.h - takes the value of REDIS_URL apart:
 *   redis://[user[:password]@]host[:port][,host[:port]...][/db]     rediss:// for TLS
 *   unix://[user[:password]@]/path[?db=N]
 * User, password and path may contain percent-encoded bytes.
 * Thread:  any; pure.
 */
#ifndef EH_APP_REDIS_URL_H
#define EH_APP_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config/endpoints.h"
#include "base/str.h"

#define REDIS_URL_DB_MAX 65535

struct redis_url {
    bool tls;
    char *username; /* "": none */
    char *password; /* "": none */
    struct endpoint_list hosts;
    uint64_t db;
};

/* Returns NULL, and the caller frees the parts with redis_url_done; or what is wrong, in words that
 * follow "not" ("a URL without a host") and hold nothing of the text. */
const char *redis_url_parse(struct str text, struct redis_url *ret) EH_MUST_USE;
void redis_url_done(struct redis_url *url);

#endif
