#include "ctl/pubsub/print.h"

#include <string.h>

#include "base/buf.h"
#include "ctl/line/command.h"
#include "ctl/pubsub/format.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "proto/json.h"

bool print_is_json(const struct invocation *in, const struct print_options *options)
{
    return in->common->json || strcmp(options->format, "json") == 0;
}

int print_check(const struct invocation *in, const struct print_options *options)
{
    const char *wrong = NULL;

    if (!print_is_json(in, options))
        wrong = format_check(str_of(options->format));
    if (!wrong)
        return CTL_OK;
    term_error(in->term, "--format: %s", wrong);
    return CTL_USAGE;
}

static void print_json(struct term *t, const json_t *message)
{
    json_auto_t *line = json_object();
    json_t *origin = json_object_get(message, "origin");
    struct buf time = { 0 };

    format_add_time_of(&time, json_text(json_object_get(message, "id")));
    json_object_set(line, "id", json_object_get(message, "id"));
    json_object_set_new(line, "time", json_stringn(buf_head(&time), buf_used(&time)));
    json_object_set(line, "topic", json_object_get(message, "topic"));
    if (origin)
        json_object_set(line, "origin", origin);
    json_object_set(line, "message", json_object_get(message, "message"));
    term_result_json(t, line);
    buf_done(&time);
}

void print_message(const struct invocation *in, const struct print_options *options,
                   const json_t *message)
{
    const struct format_message m = {
        .id = json_text(json_object_get(message, "id")),
        .topic = json_text(json_object_get(message, "topic")),
        .text = json_text(json_object_get(message, "message")),
        .origin = json_text(json_object_get(message, "origin")),
    };
    struct buf line = { 0 };

    if (print_is_json(in, options)) {
        print_json(in->term, message);
        return;
    }
    format_add(&line, str_of(options->format), &m, in->term->out_is_terminal && !options->raw);
    term_write(in->term, buf_str(&line));
    buf_done(&line);
}
