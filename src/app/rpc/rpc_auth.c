#include "app/rpc/rpc_auth.h"

#include "app/conn/authorize.h"
#include "app/conn/conn_ws.h"
#include "app/sub/sub.h"
#include "hub/topic.h"

int rpc_auth(struct rpc_call *call)
{
    struct conn *c = call->conn;
    struct str token = STR("");
    struct auth *auth;
    const char *why;
    json_t *ended;
    int rc;

    if (!c->worker->context->config->disable_auth) /* otherwise any token is ignored */
        EH_TRY(params_string(&call->params, "token", &token));
    rc = authorize_token(c, token, &auth, &why);
    if (rc < 0) /* with EH_ENOENT another try may succeed, as after a failure of the broker */
        return params_fail(&call->params, rc == EH_ENOENT ? JSONRPC_BROKER : JSONRPC_INVALID_PARAMS,
                           "token: %s", why);
    conn_ws_set_auth(c, auth);

    ended = json_array(); /* the topics that the new token does not permit */
    list_for_each_safe(link, &c->subs)
    {
        struct sub *s = container_of(link, struct sub, link);
        char text[TOPIC_MAX];
        struct str filter = str_make(text, trie_filter(&s->trie, text));

        if (auth_allows(c->auth, AUTH_READ, filter))
            continue;
        sub_close(s);
        json_array_append_new(ended, json_stringn(filter.p, filter.n));
    }
    rpc_call_answer(call,
                    json_pack("{s:s, s:o, s:s}", "action", "auth", "ended", ended, "status", "ok"));
    return EH_OK;
}
