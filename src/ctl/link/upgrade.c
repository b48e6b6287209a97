#include "ctl/link/upgrade.h"

#include "base/random.h"
#include "ctl/link/target.h"

#define REFUSAL_MAX (64 * 1024) /* body of a refusal */

void upgrade_init(struct upgrade *u, const struct target *target)
{
    *u = (struct upgrade){ .target = target, .reader.body_max = REFUSAL_MAX };
}

void upgrade_done(struct upgrade *u)
{
    reply_reader_done(&u->reader);
}

static int add_request(struct upgrade *u, struct str token, struct buf *out)
{
    struct buf target = { 0 }, authorization = { 0 };
    struct ws_handshake *h = &u->handshake;
    int rc;

    buf_addf(&target, "%s/", u->target->path);
    if (token.n)
        buf_addf(&authorization, "Bearer %.*s", STR_ARG(token));
    *h = (struct ws_handshake){ .host = str_of(u->target->authority),
                                .target = buf_str(&target),
                                .authorization = buf_str(&authorization) };
    random_fill(h->nonce, sizeof(h->nonce));
    rc = ws_client_request(h, out);
    h->host = h->target = h->authorization = (struct str){ 0 };
    buf_done(&target);
    buf_done(&authorization);
    return rc;
}

int upgrade_request(struct upgrade *u, struct buf *out, struct buf *why)
{
    struct buf token = { 0 };
    int rc = target_read_token(u->target, &token, why);

    if (rc == EH_OK) {
        rc = add_request(u, buf_str(&token), out);
        if (rc < 0)
            buf_addf(why, "%s is not a valid URL", u->target->url);
    }
    buf_done(&token);
    return rc;
}

enum upgrade_step upgrade_take(struct upgrade *u, struct str in, size_t *ret_used, struct buf *why,
                               struct link_end *ret)
{
    const char *wrong;
    int rc = reply_reader_take(&u->reader, in, ret_used);

    if (rc < 0 && !u->reader.has_head) {
        link_end_not_http(why, u->target, &u->reader, ret);
        return UPGRADE_REFUSED;
    }
    if (rc == EH_OK && !u->reader.is_complete)
        return UPGRADE_MORE;
    if (u->reader.reply.status != 101) {
        link_end_refused(why, u->target, &u->reader, ret);
        return UPGRADE_REFUSED;
    }
    wrong = ws_client_check(&u->handshake, &u->reader.reply);
    if (!wrong)
        return UPGRADE_DONE;
    link_end_not_ours(why, u->target, wrong, ret);
    return UPGRADE_REFUSED;
}

bool upgrade_is_refused(const struct upgrade *u, struct buf *why, struct link_end *ret)
{
    if (!u->reader.has_head)
        return false;
    link_end_refused(why, u->target, &u->reader, ret);
    return true;
}
