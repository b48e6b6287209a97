/* target.h - the server that a command connects to: its URL, the token for it, TLS, the timeout.
 *   ws://host[:port][/path], wss:// (also http:// and https://, which mean the same), [IPv6]
 *   unix:/path of a Unix socket, unix:///path, ws+unix:/path
 * Default: ws://127.0.0.1:8080. Without a port it is 80, or 443 with TLS.
 * Token:   --token, --token-file, EVENTHUB_TOKEN, EVENTHUB_TOKEN_FILE; the first that is set. The
 *          file is read again for every connection, so that a renewed token is used.
 * Thread:  main; target_read_token reads a file.
 * Owns:    its texts and the TLS context, until target_free.
 * Fails:   with one line that says what to do. No text holds the token, or a URL's query.
 */
#ifndef EH_CTL_TARGET_H
#define EH_CTL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TARGET_TOKEN_MAX 65536

struct common_options;
struct tls;

struct target {
    char *url;  /* as it may be shown, without trailing slash: "wss://example.org/hub" */
    char *host; /* name or address, without brackets; "localhost" with a Unix socket */
    uint16_t port;
    char *socket;    /* path of a Unix socket; NULL: host and port count */
    char *authority; /* for the field Host: "example.org", "[::1]:8080" */
    char *path;      /* without the slash at the end: "" or "/hub" */
    bool has_tls;
    struct tls *tls;     /* with TLS; NULL otherwise */
    char *token;         /* NULL: none is given, as below */
    char *token_file;    /* path */
    uint64_t timeout_ms; /* to connect, to answer a call, and after a ping */
};

/* `url` overrides that of the options (top has several); NULL: theirs. EH_EINVAL: *why is one
 * line; the exit status is CTL_USAGE. */
int target_create(const struct common_options *common, const char *url, struct target **ret,
                  struct buf *why) EH_MUST_USE;
void target_free(struct target *t);

/* Appends the token, nothing if there is none. EH_EINVAL: the file cannot be read, or holds no
 * token; *why is one line. */
int target_read_token(const struct target *t, struct buf *ret, struct buf *why) EH_MUST_USE;

#endif
