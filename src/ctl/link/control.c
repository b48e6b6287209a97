#include "ctl/link/control.h"

#include <jansson.h>
#include <stdlib.h>

#include "ctl/line/command.h"
#include "ctl/link/connecting.h"
#include "ctl/link/fetch.h"
#include "ctl/link/link_end.h"
#include "ctl/link/reply_reader.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "proto/http_reply.h"

struct control {
    const struct invocation *in;
    const struct target *target;
    struct runtime *runtime;
    json_t *result;
};

static int status_of(int http_status)
{
    switch (http_status) {
    case 401:
    case 403: return CTL_NOT_PERMITTED;
    case 400:
    case 413: return CTL_USAGE;
    case 429:
    case 503: return CTL_NEGATIVE;
    default: return CTL_NO_CONNECTION;
    }
}

static int explain(const struct control *k, const struct fetch_result *r)
{
    int status = status_of(r->reply->status);
    struct buf why = { 0 };

    reply_add_error(&why, r->reply, r->body);
    if (status == CTL_NOT_PERMITTED)
        link_end_add_token_hint(&why, k->target);
    if (status == CTL_NO_CONNECTION)
        term_error(k->in->term,
                   "%s does not serve the control API: it answered %.*s; set ENABLE_API there, and "
                   "use METRICS_LISTEN_PORT if the server has one",
                   k->target->url, STR_ARG(buf_str(&why)));
    else
        term_error(k->in->term, "%s answered %.*s", k->target->url, STR_ARG(buf_str(&why)));
    buf_done(&why);
    return status;
}

static void on_answer(const struct fetch_result *r, void *arg)
{
    struct control *k = arg;
    int status = r->exit_status;

    if (r->why) {
        term_error(k->in->term, "%s", r->why);
    } else if (r->reply->status == 200) {
        k->result = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_ALLOW_NUL, NULL);
        status = json_is_object(k->result) ? CTL_OK : explain(k, r);
    } else {
        status = explain(k, r);
    }
    runtime_end(k->runtime, status);
}

/* Takes the body; NULL: none. `incomplete` is the warning if a node has not answered. */
static int ask(const struct invocation *in, const char *method, const char *path, json_t *body,
               const char *incomplete, json_t **ret_result)
{
    struct control k = { .in = in };
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct target *target;
    struct fetch *f;
    int status = connecting_begin(in, &target, &k.runtime);

    json_decref(body);
    if (status != CTL_OK) {
        free(text);
        return status;
    }
    k.target = target;
    f = fetch_start(k.runtime, k.target, path, on_answer, &k);
    fetch_set_method(f, method, str_of(text ? text : ""));
    free(text);
    status = runtime_run(k.runtime);
    fetch_free(f);
    runtime_free(k.runtime);
    target_free(target);
    if (status == CTL_OK && json_is_false(json_object_get(k.result, "complete")))
        term_warn(in->term, "%s", incomplete);
    if (status == CTL_OK)
        *ret_result = k.result;
    else
        json_decref(k.result);
    return status;
}

int control_ask(const struct invocation *in, const char *path, json_t *body, json_t **ret_result)
{
    return ask(in, body ? "POST" : "GET", path, body,
               "a node has not answered: the answer lacks it", ret_result);
}

int control_delete(const struct invocation *in, const char *path, json_t **ret_result)
{
    return ask(in, "DELETE", path, NULL,
               "a node has not answered, and may still have the messages in memory: run this again",
               ret_result);
}
