/* token_report.h - the report of `token inspect` about a token: its header and claims, whether a
 * server with these keys accepts it, and what its holder may do.
 * Thread:  any; pure (the time is a parameter).
 * Owns:    what it decoded, until token_report_done. Borrows the keys and the topics.
 * Secrets: the output holds neither the token nor its signature nor a key.
 */
#ifndef EH_CTL_TOKEN_REPORT_H
#define EH_CTL_TOKEN_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/line/option.h"
#include "hub/auth.h"

struct token_report {
    uint64_t now_ms;
    json_t *header; /* NULL: jansson cannot read it; the text is then shown */
    json_t *claims; /* the same */
    struct buf header_text, payload_text;
    const char *key_fault; /* why no key verifies it; NULL: `key` does */
    struct keyring_key key;
    struct buf key_name;
    bool has_no_key;          /* key_fault means nothing: nobody has named a key */
    const char *claims_fault; /* why a server refuses its claims now; NULL: it accepts them */
    struct auth *rights;      /* while it is valid; NULL: none, see rights_fault */
    const char *rights_fault;
};

/* Examines the token as of now_ms. EH_EINVAL: it is not a token; *ret_why says why. The caller sets
 * has_no_key, and key_name if key_fault is NULL. */
int token_report_make(struct str token, const struct auth_policy *policy, uint64_t now_ms,
                      struct token_report *ret, const char **ret_why) EH_MUST_USE;
void token_report_done(struct token_report *r);

/* Reports whether a server with these keys accepts the token now. */
bool token_report_is_valid(const struct token_report *r);

/* Adds lines of plain text, clean for a terminal, and one for each topic or pattern. */
void token_report_add_text(const struct token_report *r, const struct option_list *topics,
                           struct buf *out);
/* Returns the same as an object, which the caller frees. */
json_t *token_report_json(const struct token_report *r, const struct option_list *topics);

#endif
