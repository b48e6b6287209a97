#include "app/http/api_revoke.h"

#include <jansson.h>
#include <string.h>

#include "app/conn/pending.h"
#include "app/http/api_ask.h"
#include "app/http/api_call.h"
#include "app/http/api_cluster.h"
#include "app/rpc/params.h"
#include "base/clock.h"
#include "hub/revoked.h"
#include "proto/json.h"

_Static_assert(REVOKED_NAME_MAX == 256, "as the text says");
_Static_assert(REVOKED_MAX == 100000, "as the text says");

/* ---- the body ---- */

static int read_name(struct params *p, const char *name, struct str *ret)
{
    EH_TRY(params_string(p, name, ret));
    if (ret->n == 0 || ret->n > REVOKED_NAME_MAX || memchr(ret->p, '\0', ret->n))
        return params_fail(p, JSONRPC_INVALID_PARAMS,
                           "%s must be 1 to 256 bytes long, none of them 0", name);
    return EH_OK;
}

static const char *const members[] = { "jti", "sub", "before", "until", NULL };

static int read_entry(struct params *p, uint64_t now_ms, struct revocation *ret)
{
    bool has_jti = json_object_get(p->json, "jti") != NULL;
    int64_t now_s = (int64_t)(now_ms / 1000);
    int64_t until_s = now_s + API_REVOKE_DEFAULT_S, before_s = 0;

    if (has_jti == (json_object_get(p->json, "sub") != NULL))
        return params_fail(p, JSONRPC_INVALID_PARAMS,
                           "the body must be a JSON object with either jti or sub");
    if (has_jti && json_object_get(p->json, "before"))
        return params_fail(p, JSONRPC_INVALID_PARAMS, "before needs sub");
    EH_TRY(api_call_check_members(p, members));
    EH_TRY(read_name(p, has_jti ? "jti" : "sub", &ret->name));
    EH_TRY(params_integer(p, "until", now_s + 1, now_s + API_REVOKE_MAX_S, &until_s));
    EH_TRY(params_integer(p, "before", 1, until_s, &before_s));
    ret->kind = has_jti ? REVOKED_ID : REVOKED_SUB;
    ret->until_ms = (uint64_t)(until_s + API_REVOKE_SPARE_S) * 1000;
    if (has_jti)
        ret->before_ms = 0;
    else
        ret->before_ms = before_s ? (uint64_t)before_s * 1000 : now_ms;
    return EH_OK;
}

/* Returns the question to the workers, as api_worker.h says. */
static json_t *make_question(const struct revocation *v)
{
    return json_pack("{s:s,s:s%,s:I,s:I}", "op", "revoke", v->kind == REVOKED_ID ? "jti" : "sub",
                     v->name.p, v->name.n, "before", (json_int_t)v->before_ms, "until",
                     (json_int_t)v->until_ms);
}

/* ---- answers ---- */

static json_t *merge(const struct api_question *q, const json_t *answers)
{
    json_t *merged = api_cluster_disconnected(q, answers);
    json_int_t until_ms = json_integer_value(json_object_get(q->text, "until"));

    (void)json_object_set_new(merged, "until", json_integer(until_ms / 1000 - API_REVOKE_SPARE_S));
    return merged;
}

static const char *failure_of(const struct broker_call *call)
{
    switch (call->status) {
    case BROKER_FULL:
        return call->revoke.ret_full ? "100000 tokens are revoked already: no token was revoked"
                                     : "the broker has no memory left: no token was revoked";
    case BROKER_UNKNOWN: return "outcome unknown: send the request again";
    default: return "the broker is away: no token was revoked";
    }
}

static void on_kept(struct pending *p, struct conn *c)
{
    json_t *question = p->owner;

    if (c && c->state == CONN_BUSY) { /* else the workers find the entry by themselves */
        if (p->call.status == BROKER_DONE)
            api_ask(c, &(struct api_question){
                           .text = json_incref(question), .is_done = true, .merge = merge });
        else
            api_call_fail(c, 503, failure_of(&p->call));
    }
    json_decref(question);
}

static void keep(struct conn *c, const struct revocation *v)
{
    struct pending *p = pending_create(&(struct reply){ 0 }, v->name.n);

    p->owner = make_question(v);
    p->done = on_kept;
    p->call.revoke.entry = *v;
    p->call.revoke.entry.name = pending_copy(p, v->name);
    http_later_wait(c);
    pending_start(p, c, BROKER_OP_REVOKE);
}

void api_revoke_run(struct conn *c)
{
    json_auto_t *body = NULL;
    struct params params = { .json = NULL };
    struct revocation entry = { .kind = REVOKED_ID };

    if (!api_call_read_body(c, &body))
        return;
    params.json = body;
    if (read_entry(&params, clock_wall_ms(), &entry) < 0) {
        api_call_fail(c, 400, params.why);
        return;
    }
    api_call_note(c, entry.kind == REVOKED_ID ? LOG_S("jti", entry.name)
                                              : LOG_S("target", entry.name));
    keep(c, &entry);
}
