#include "ctl/cmd_kv.h"

#include <jansson.h>
#include <string.h>

#include "ctl/line/arguments.h"
#include "ctl/line/options.h"
#include "ctl/link/ask.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "proto/json.h"

struct get_values {
    bool raw;
};

struct set_values {
    uint64_t ttl_ms;
};

/* ---- get ---- */

static void print_value(const struct invocation *in, const json_t *result)
{
    const struct get_values *values = in->values;
    struct str value = json_text(json_object_get(result, "value"));
    struct buf out = { 0 };

    if (values->raw) {
        buf_add_str(&out, value);
    } else {
        term_add_data(in->term, &out, value);
        buf_add_char(&out, '\n');
    }
    term_write(in->term, buf_str(&out));
    buf_done(&out);
}

static int run_get(const struct invocation *in)
{
    json_auto_t *result = NULL;
    int status = argument_key(in->term, in->words[0]);

    if (status == CTL_OK)
        status = ask_once(in, "get", json_pack("{s:s}", "key", in->words[0]), &result);
    if (status != CTL_OK)
        return status;
    if (in->common->json)
        term_result_json(in->term, result);
    else
        print_value(in, result);
    return CTL_OK;
}

static const struct option get_options[] = {
    { "raw", 0, OPTION_FLAG, .offset = offsetof(struct get_values, raw),
      .about = "print the value as it is, without a line break after it, also to a terminal" },
    { 0 },
};

static const struct example get_examples[] = {
    { "eventhubctl kv get config/theme", "prints the value of the key config/theme" },
    { 0 },
};

const struct command cmd_kv_get = {
    .name = "kv get",
    .summary = "print the value of a key",
    .arguments = "KEY",
    .min_words = 1,
    .max_words = 1,
    .about = "Prints the value and a line break. Ends with status 1 if the key does not exist.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = get_options,
    .size = sizeof(struct get_values),
    .examples = get_examples,
    .run = run_get,
};

/* ---- set ---- */

/* Takes the value from the command line, or from stdin without the line break at its end. */
static int read_value(const struct invocation *in, struct buf *text, struct str *ret)
{
    int status;

    if (in->n_words == 2) {
        *ret = str_of(in->words[1]);
        return CTL_OK;
    }
    status = argument_file(in->term, "-", text);
    *ret = buf_used(text) ? buf_str(text) : STR("");
    if (ret->n && ret->p[ret->n - 1] == '\n')
        ret->n--;
    return status;
}

static int set(const struct invocation *in, struct str value)
{
    const struct set_values *values = in->values;
    json_t *params = json_pack("{s:s, s:s%}", "key", in->words[0], "value", value.p, value.n);
    json_auto_t *result = NULL;
    int status;

    if (!params) {
        term_error(in->term, "the value is not UTF-8 text: encode it, for example with base64");
        return CTL_USAGE;
    }
    if (values->ttl_ms)
        json_object_set_new(params, "ttl", json_integer((json_int_t)(values->ttl_ms / 1000)));
    status = ask_once(in, "set", params, &result);
    if (status == CTL_OK && in->common->json)
        term_result_json(in->term, result);
    return status;
}

static int run_set(const struct invocation *in)
{
    struct buf text = { 0 };
    struct str value;
    int status = argument_key(in->term, in->words[0]);

    if (status == CTL_OK)
        status = read_value(in, &text, &value);
    if (status == CTL_OK)
        status = set(in, value);
    buf_done(&text);
    return status;
}

static const struct option set_options[] = {
    { "ttl", 0, OPTION_DURATION, .offset = offsetof(struct set_values, ttl_ms), .value = "TIME",
      .min = 1000, .max = YEAR_MS,
      .about = "how long the key exists; without it, until it is deleted" },
    { 0 },
};

static const struct example set_examples[] = {
    { "eventhubctl kv set config/theme dark", "sets the key config/theme" },
    { "eventhubctl kv set --ttl 1h session/7 <session.json", "stores a file for an hour" },
    { 0 },
};

const struct command cmd_kv_set = {
    .name = "kv set",
    .summary = "set the value of a key",
    .arguments = "KEY [VALUE]",
    .min_words = 1,
    .max_words = 2,
    .about = "Without VALUE, the value is read from stdin; a line break at its end is dropped.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = set_options,
    .size = sizeof(struct set_values),
    .examples = set_examples,
    .run = run_set,
};

/* ---- del ---- */

static int run_del(const struct invocation *in)
{
    json_auto_t *result = NULL;
    int status = argument_key(in->term, in->words[0]);

    if (status == CTL_OK)
        status = ask_once(in, "del", json_pack("{s:s}", "key", in->words[0]), &result);
    if (status != CTL_OK)
        return status;
    if (in->common->json)
        term_result_json(in->term, result);
    if (json_is_true(json_object_get(result, "success")))
        return CTL_OK;
    term_error(in->term, "no key \"%s\"", in->words[0]);
    return CTL_NEGATIVE;
}

static const struct example del_examples[] = {
    { "eventhubctl kv del config/theme", "deletes the key config/theme" },
    { 0 },
};

const struct command cmd_kv_del = {
    .name = "kv del",
    .summary = "delete a key",
    .arguments = "KEY",
    .min_words = 1,
    .max_words = 1,
    .about = "Ends with status 1 if the key does not exist.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .examples = del_examples,
    .run = run_del,
};
