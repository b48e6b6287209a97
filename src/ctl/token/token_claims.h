/* token_claims.h - builds the claims of a token (docs/protocol.md, section 5) from options.
 * Thread:  any; pure.
 * Checks:  every topic, pattern and rule; then the claims as a whole, as a server does
 *          (hub/auth.h). So no token grants less than its maker expects: a server ignores invalid
 *          entries of a list, and rules without a sub.
 * Fails:   with EH_EINVAL and one line in *why that names the option and the rule.
 */
#ifndef EH_CTL_TOKEN_CLAIMS_H
#define EH_CTL_TOKEN_CLAIMS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/line/option.h"

struct token_wish {
    const char *sub; /* NULL: none, as below */
    const char *audience;
    const char *issuer;
    const char *jti;
    const struct option_list *read, *write, *presence; /* topics and patterns */
    const struct option_list *admin;                   /* rights over the whole server: "log" */
    const struct option_list *limits;                  /* "chat/#=10/1s" */
    uint64_t ttl_ms;                                   /* at least a second */
};

/* Appends the claims as JSON. */
int token_claims_build(const struct token_wish *wish, uint64_t now_ms, struct buf *ret_payload,
                       struct buf *why) EH_MUST_USE;

#endif
