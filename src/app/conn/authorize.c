#include "app/conn/authorize.h"

#include "app/conn/key_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/revoked.h"
#include "proto/cookie.h"
#include "proto/origin.h"

const char authorize_revoked[] = "the token has been revoked";

bool authorize_is_revoked(const struct worker *w, const struct auth *auth)
{
    return revoked_has(w->context->revoked, auth_jti(auth), auth_sub(auth), auth_issued_ms(auth),
                       clock_wall_ms());
}

const char *authorize_again(const struct conn *c)
{
    if (!authorize_is_revoked(c->worker, c->auth))
        return NULL;
    metrics_inc(c->worker->metrics, METRIC_REFUSED_REVOKED);
    return authorize_revoked;
}

/* Reports whether a token that no key verifies may be good nevertheless: the provider's keys are
 * not there yet, or may have changed. */
static bool is_worth_another_try(struct key_store *store, const struct key_rings *keys,
                                 const char **why)
{
    const char *ignored;

    if (!keys->fetched && key_store_is_waiting(store, &ignored)) {
        *why = "the keys of tokens are not known yet: try again";
        return true;
    }
    if (!keyring_may_lack_key(*why) || !key_store_ask(store))
        return false;
    *why = "no known key verifies the token, and the keys are being fetched: try again";
    return true;
}

/* Tries the keys of the options first, then those of the provider. */
static int verify(const struct context *context, struct str token, const struct key_rings *keys,
                  struct auth **ret_auth, const char **ret_why)
{
    struct auth_policy policy = context->tokens;
    uint64_t now_ms = clock_wall_ms();
    int rc;

    policy.keys = keys->own;
    rc = auth_verify(token, &policy, now_ms, ret_auth, ret_why);
    if (rc == EH_ENOENT && keys->fetched) {
        policy.keys = keys->fetched;
        rc = auth_verify(token, &policy, now_ms, ret_auth, ret_why);
    }
    if (rc == EH_ENOENT && !is_worth_another_try(context->keys, keys, ret_why))
        rc = EH_EINVAL;
    return rc;
}

int authorize_token(const struct conn *c, struct str token, struct auth **ret_auth,
                    const char **ret_why)
{
    const struct context *context = c->worker->context;
    struct key_rings keys;
    int rc;

    if (context->config->disable_auth) {
        *ret_auth = c->worker->everybody;
        return EH_OK;
    }
    key_store_take(context->keys, &keys);
    rc = verify(context, token, &keys, ret_auth, ret_why);
    keyring_unref(keys.own);
    keyring_unref(keys.fetched);
    if (rc < 0 || !authorize_is_revoked(c->worker, *ret_auth))
        return rc;
    auth_free(*ret_auth);
    *ret_auth = NULL;
    *ret_why = authorize_revoked;
    return EH_EINVAL;
}

enum metric authorize_refusal(int rc, const char *why)
{
    if (why == authorize_revoked)
        return METRIC_REFUSED_REVOKED;
    return rc == EH_ENOENT ? METRIC_REFUSED_KEYS : METRIC_REFUSED_AUTH;
}

/* Finds the token in the cookie that JWT_COOKIE names. Returns NULL, or why it does not count. */
static const char *find_cookie(const struct config *config, const struct http_request *rq,
                               struct buf *ret)
{
    struct str cookie = { NULL, 0 };

    if (!config->jwt_cookie[0])
        return NULL;
    if (cookie_find(rq, str_of(config->jwt_cookie), &cookie) < 0)
        return "there is more than one cookie of the name in JWT_COOKIE: delete the others";
    if (cookie.n == 0)
        return NULL;
    if (!origin_may_use_cookies(str_of(config->allowed_origins), rq))
        return "the cookie with the token counts only with an Origin in ALLOWED_ORIGINS";
    buf_add_str(ret, cookie);
    return NULL;
}

/* Finds the token of the request. Returns NULL, or why there is none. A header of another scheme is
 * meant for somebody else, such as a proxy that asks for a password: it does not hide the other
 * places. */
static const char *find_token(const struct config *config, const struct http_request *rq,
                              struct str offered, struct buf *ret)
{
    struct str header = http_header(rq, STR("Authorization"));
    struct str token = auth_header_token(header);
    struct str param;
    const char *why;

    if (token.p) {
        buf_add_str(ret, token);
        return token.n ? NULL : "there is no token after Bearer in the Authorization header";
    }
    if (offered.p) {
        buf_add_str(ret, offered);
        return offered.n ? NULL : "there is no token after bearer. in Sec-WebSocket-Protocol";
    }
    if (http_query_param(rq->query, STR("auth"), &param) && param.n) {
        if (http_percent_decode(param, false, ret) == EH_OK)
            return NULL;
        return "the query parameter auth must be URL-encoded";
    }
    why = find_cookie(config, rq, ret);
    if (!why && buf_used(ret) == 0 && header.n)
        return "there is no token: the Authorization header must be Bearer TOKEN";
    return why;
}

void authorize_log_refusal(const struct conn *c, const char *why)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_info("unauthorized", LOG_Z("peer", peer), LOG_Z("why", why));
}

int authorize_request(const struct conn *c, const struct http_request *rq, struct str offered,
                      struct auth **ret_auth, const char **ret_why)
{
    struct buf token = { 0 };
    const char *why_none = find_token(c->worker->context->config, rq, offered, &token);
    int rc = authorize_token(c, buf_str(&token), ret_auth, ret_why);

    buf_done(&token);
    if (rc == EH_OK)
        return EH_OK;
    if (why_none)
        *ret_why = why_none;
    authorize_log_refusal(c, *ret_why);
    metrics_inc(c->worker->metrics, authorize_refusal(rc, *ret_why));
    return rc;
}
