#include "ctl/cmd_revoke.h"

#include <jansson.h>

#include "base/clock.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/control.h"
#include "ctl/link/control_pages.h"
#include "ctl/pubsub/since.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/time_words.h"
#include "ctl/term/units.h"

struct revoke_options {
    const char *jti, *sub, *before, *until;
};

/* Rounds a time in ms up to seconds: the server takes whole ones, and a revocation must not leave
 * out what was meant. */
static json_t *seconds_of(int64_t ms)
{
    return json_integer((ms + 999) / 1000);
}

/* Reads "10m", that long ago, or a date. Returns NULL if it is neither. */
static json_t *read_before(const char *text, int64_t now_ms)
{
    int64_t since;

    if (!since_parse(str_of(text), &since))
        return NULL;
    return seconds_of(since < 0 ? now_ms + since : since);
}

/* Reads "30d", that long from now, or a date. Returns NULL if it is neither. */
static json_t *read_until(const char *text, int64_t now_ms)
{
    int64_t since;
    uint64_t ahead_ms;

    if (!since_parse(str_of(text), &since))
        return NULL;
    if (since > 0)
        return seconds_of(since);
    if (!duration_parse(str_of(text), &ahead_ms) || ahead_ms > YEAR_MS)
        return NULL; /* "-10m", or more than the server takes */
    return seconds_of(now_ms + (int64_t)ahead_ms);
}

/* Returns what is wrong, or NULL. */
static const char *add_times(json_t *body, const struct revoke_options *o)
{
    int64_t now_ms = (int64_t)clock_wall_ms();

    if (o->before && json_object_set_new(body, "before", read_before(o->before, now_ms)) < 0)
        return "--before " SINCE_RULE;
    if (o->until && json_object_set_new(body, "until", read_until(o->until, now_ms)) < 0)
        return "--until " SINCE_RULE ", and at most a year ahead";
    return NULL;
}

static const char *add_target(json_t *body, const struct revoke_options *o)
{
    const char *name = o->jti ? "jti" : "sub";

    if ((o->jti != NULL) == (o->sub != NULL))
        return "give either --jti or --sub";
    if (o->before && o->jti)
        return "--before needs --sub: --jti names one token";
    if (json_object_set_new(body, name, json_string(o->jti ? o->jti : o->sub)) < 0)
        return "--jti and --sub must be text in UTF-8";
    return NULL;
}

static void print(const struct invocation *in, const json_t *result)
{
    struct buf until = { 0 };

    time_words_add_utc(&until, (uint64_t)control_number(result, "until") * 1000);
    term_note(in->term, "revoked until %.*s", STR_ARG(buf_str(&until)));
    buf_done(&until);
    if (in->common->json)
        term_result_json(in->term, result);
    else
        term_printf(in->term, "%lld\n", control_number(result, "disconnected"));
}

static int run(const struct invocation *in)
{
    const struct revoke_options *o = in->values;
    json_auto_t *result = NULL;
    json_t *body = json_object();
    const char *wrong = add_target(body, o);
    int status;

    if (!wrong)
        wrong = add_times(body, o);
    if (wrong) {
        json_decref(body);
        term_error(in->term, "%s", wrong);
        return CTL_USAGE;
    }
    status = control_ask(in, "/api/revoke", body, &result);
    if (status == CTL_OK)
        print(in, result);
    return status;
}

static const struct option options[] = {
    { "jti", 0, OPTION_TEXT, offsetof(struct revoke_options, jti), .value = "ID",
      .about = "revoke the token with this jti" },
    { "sub", 0, OPTION_TEXT, offsetof(struct revoke_options, sub), .value = "SUB",
      .about = "revoke all tokens with this sub that were issued before the time of --before" },
    { "before", 0, OPTION_TEXT, offsetof(struct revoke_options, before), .value = "TIME",
      .about = "with --sub, keep tokens that were issued at this time or later: 10m (that long "
               "ago), 2026-11-30, 2026-11-30T12:30 (local time), 2026-11-30T12:30:05Z, or seconds "
               "since 1970; without it, now" },
    { "until", 0, OPTION_TEXT, offsetof(struct revoke_options, until), .value = "TIME",
      .about = "when the last of these tokens expires: 12h or 30d (from now), or a time as for "
               "--before; without it, 30d" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl revoke --jti 6b1f0b6e --until 12h",
      "ends a token that would expire within 12 hours" },
    { "eventhubctl revoke --sub ann", "ends all tokens of ann that were issued until now" },
    { 0 },
};

const struct command cmd_revoke = {
    .name = "revoke",
    .summary = "revoke a token, or the tokens of a sub",
    .arguments = "",
    .about = "All nodes refuse the tokens from then on. Prints how many clients were\n"
             "disconnected. Set --until to the time at which the tokens expire: a token that\n"
             "lives longer is valid again after it. The server needs ENABLE_API, and your\n"
             "token needs \"tokens\" in its claim admin. If the server has\n"
             "METRICS_LISTEN_PORT, the URL must name that port.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct revoke_options),
    .examples = examples,
    .run = run,
};
