#include "ctl/cmd_help.h"

#include "ctl/line/command.h"
#include "ctl/line/help.h"
#include "ctl/line/manual.h"
#include "ctl/line/option.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"

enum format { TEXT, MARKDOWN, MAN };

struct help_options {
    uint64_t format; /* enum format */
};

/* Adds the help of one command or, for the first word of several, of all of them. */
static bool add_named(struct buf *out, const struct invocation *in)
{
    size_t used;
    const struct command *found =
        command_find(in->commands, (char *const *)(uintptr_t)in->words, in->n_words, &used);
    size_t n = 0;

    if (found && used == in->n_words) {
        help_add_command(out, found);
        return true;
    }
    for (const struct command *const *c = in->commands; *c && in->n_words == 1; c++) {
        if (command_is_in_group(*c, in->words[0])) {
            if (n++)
                buf_add_char(out, '\n');
            help_add_command(out, *c);
        }
    }
    return n > 0;
}

static int run(const struct invocation *in)
{
    const struct help_options *o = in->values;
    struct buf out = { 0 };
    int status = CTL_OK;

    if (o->format == MARKDOWN) {
        manual_add_markdown(&out, in->commands);
    } else if (o->format == MAN) {
        manual_add_man(&out, in->commands);
    } else if (in->n_words == 0) {
        help_add_overview(&out, in->commands);
    } else if (!add_named(&out, in)) {
        term_error(in->term, "unknown command \"%s\"; eventhubctl help lists them all",
                   in->words[0]);
        status = CTL_USAGE;
    }
    term_write(in->term, buf_str(&out));
    buf_done(&out);
    return status;
}

static const struct option options[] = {
    { "format", 0, OPTION_CHOICE, offsetof(struct help_options, format), .value = "FORMAT",
      .initial = "text", .choices = "text markdown man",
      .about = "how to print it; markdown and man print the reference of all commands" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl help", "lists the commands and the exit statuses" },
    { "eventhubctl help sub", "explains one command" },
    { 0 },
};

const struct command cmd_help = {
    .name = "help",
    .summary = "explain the commands and their options",
    .arguments = "[COMMAND]",
    .max_words = 2,
    .options = options,
    .size = sizeof(struct help_options),
    .examples = examples,
    .run = run,
};
