/* upgrade.h - the handshake of WebSocket: the request, and what its answer means.
 * Thread:  any; reads the token file.
 * Owns:    the answer, until upgrade_done. The target is borrowed.
 * Bounds:  as reply_reader.h; 64 KiB of the body of a refusal, {"error":"why"}. If the
 *          body does not arrive, the status has to do (upgrade_is_refused).
 */
#ifndef EH_CTL_UPGRADE_H
#define EH_CTL_UPGRADE_H

#include "base/buf.h"
#include "base/err.h"
#include "ctl/link/link_end.h"
#include "ctl/link/reply_reader.h"
#include "proto/ws_client.h"

struct upgrade {
    const struct target *target;
    struct ws_handshake handshake; /* as it was sent, without its texts */
    struct reply_reader reader;
};

enum upgrade_step { UPGRADE_MORE, UPGRADE_DONE, UPGRADE_REFUSED };

void upgrade_init(struct upgrade *u, const struct target *target);
void upgrade_done(struct upgrade *u);

/* Appends the request. EH_EINVAL: the token cannot be used; *why is one line. */
int upgrade_request(struct upgrade *u, struct buf *out, struct buf *why) EH_MUST_USE;
/* Takes bytes of the answer; *ret_used is how many, since frames may follow. UPGRADE_REFUSED: *why
 * and *ret say why. */
enum upgrade_step upgrade_take(struct upgrade *u, struct str in, size_t *ret_used, struct buf *why,
                               struct link_end *ret) EH_MUST_USE;
/* No more bytes come. True: what has come is a refusal, and *why and *ret say why. */
bool upgrade_is_refused(const struct upgrade *u, struct buf *why, struct link_end *ret);

#endif
