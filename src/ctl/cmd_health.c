#include "ctl/cmd_health.h"

#include <jansson.h>

#include "base/err.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/connecting.h"
#include "ctl/link/fetch.h"
#include "ctl/link/reply_reader.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "proto/json.h"

struct health_options {
    bool ready;
};

struct health {
    const struct invocation *in;
    const struct target *target;
    struct runtime *runtime;
    bool ready; /* asks for /readyz */
};

static void print(const struct health *h, bool is_good, struct str why)
{
    const char *what = h->ready ? "ready" : "alive";

    if (h->in->term->json) {
        json_auto_t *result = json_pack("{s:s, s:b}", "url", h->target->url, what, is_good);

        if (!is_good)
            (void)json_object_set_new(result, "error", json_stringn(why.p, why.n));
        term_result_json(h->in->term, result);
    } else if (is_good) {
        term_printf(h->in->term, "%s\n", what);
    } else {
        term_error(h->in->term, "not %s: %.*s", what, STR_ARG(why));
    }
}

/* Returns the exit status of an answer that is not 200. 503 is the only one that an Eventhub server
 * gives here. */
static int judge_error(const struct health *h, const struct fetch_result *r)
{
    struct buf why = { 0 };
    const bool is_ours = r->reply->status == 503;

    reply_add_error(&why, r->reply, r->body);
    if (is_ours)
        print(h, false, buf_str(&why));
    else
        term_error(h->in->term,
                   "%s does not report the health of an Eventhub server: it answered %.*s; check "
                   "the address (--url), and use METRICS_LISTEN_PORT if the server has one",
                   h->target->url, STR_ARG(buf_str(&why)));
    buf_done(&why);
    return is_ours ? CTL_NEGATIVE : CTL_NO_CONNECTION;
}

static bool is_good(const struct fetch_result *r)
{
    json_auto_t *root = json_loadb(r->body.p ? r->body.p : "", r->body.n, 0, NULL);

    return r->reply->status == 200 && str_eq(json_text(json_object_get(root, "status")), STR("ok"));
}

static void on_answer(const struct fetch_result *r, void *arg)
{
    struct health *h = arg;
    int status = r->exit_status;

    if (r->why) {
        term_error(h->in->term, "%s", r->why);
    } else if (is_good(r)) {
        print(h, true, STR(""));
        status = CTL_OK;
    } else {
        status = judge_error(h, r);
    }
    runtime_end(h->runtime, status);
}

static int run(const struct invocation *in)
{
    const struct health_options *o = in->values;
    struct health h = { .in = in, .ready = o->ready };
    struct target *target;
    struct fetch *f;
    int status = connecting_begin(in, &target, &h.runtime);

    if (status != CTL_OK)
        return status;
    h.target = target;
    f = fetch_start(h.runtime, target, h.ready ? "/readyz" : "/healthz", on_answer, &h);
    status = runtime_run(h.runtime);
    fetch_free(f);
    runtime_free(h.runtime);
    target_free(target);
    return status;
}

static const struct option options[] = {
    { "ready", 0, OPTION_FLAG, offsetof(struct health_options, ready),
      .about = "ask whether the server takes publishes, not only whether it is alive" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl health --ready", "exits with 0 if the server is ready, with 1 if it is not" },
    { "eventhubctl health --url http://10.0.0.7:9090 --timeout 2s",
      "asks a server whose METRICS_LISTEN_PORT is 9090" },
    { 0 },
};

const struct command cmd_health = {
    .name = "health",
    .summary = "ask whether the server is alive or ready",
    .arguments = "",
    .about = "The URL must name the port of METRICS_LISTEN_PORT if the server has one, and\n"
             "otherwise the port for clients.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct health_options),
    .examples = examples,
    .run = run,
};
