#include "ctl/line/help.h"

#include <ctype.h>
#include <string.h>

#include "ctl/line/options.h"
#include "ctl/term/exit_status.h"

#define COLUMNS 80
#define INDENT  26 /* where the texts of commands and options begin */

/* ---- paragraphs ---- */

/* Adds words, each line at most COLUMNS wide. `at` is the column where the text begins, and where
 * its further lines do. */
static void add_wrapped(struct buf *out, struct str text, size_t at)
{
    struct str rest = text, word;
    size_t column = at;

    while (str_cut(&rest, ' ', &word)) {
        if (column > at && column + 1 + word.n > COLUMNS) {
            buf_addf(out, "\n%*s", (int)at, "");
            column = at;
        } else if (column > at) {
            buf_add_char(out, ' ');
            column++;
        }
        buf_add_str(out, word);
        column += word.n;
    }
    buf_add_char(out, '\n');
}

/* Adds a term and its text beside it, or below if the term is long. */
static void add_row(struct buf *out, struct str term, struct str text)
{
    buf_addf(out, "  %.*s", STR_ARG(term));
    if (term.n + 4 > INDENT)
        buf_addf(out, "\n%*s", INDENT, "");
    else
        buf_addf(out, "%*s", (int)(INDENT - 2 - term.n), "");
    add_wrapped(out, text, INDENT);
}

/* ---- options ---- */

void help_add_option_name(struct buf *out, const struct option *o)
{
    if (o->letter)
        buf_addf(out, "-%c, ", o->letter);
    buf_addf(out, "--%s", o->name);
    if (o->value)
        buf_addf(out, " %s", o->value);
}

void help_add_sentence(struct buf *out, const char *text)
{
    buf_add_char(out, (char)toupper((unsigned char)text[0]));
    buf_add_str(out, str_of(text + 1));
    buf_add_char(out, '.');
}

void help_add_option_about(struct buf *out, const struct option *o)
{
    help_add_sentence(out, o->about);
    if (o->choices) {
        struct str rest = str_of(o->choices), choice;

        buf_add_str(out, STR(" One of:"));
        while (str_cut(&rest, ' ', &choice))
            buf_addf(out, " %.*s%s", STR_ARG(choice), rest.p ? "," : ".");
    }
    if (o->kind == OPTION_LIST)
        buf_add_str(out, STR(" May be given several times."));
    if (o->initial)
        buf_addf(out, " Default: %s.", o->initial);
    if (o->variable)
        buf_addf(out, " Variable: %s.", o->variable);
}

struct listing {
    struct buf *out;
    const struct command *command;
    bool has_common; /* a common option was added */
};

static bool is_own(const struct command *c, const struct option *o)
{
    for (const struct option *own = c->options; own && own->name; own++) {
        if (own == o)
            return true;
    }
    return false;
}

static void add_option(const struct option *o, void *arg)
{
    struct listing *l = arg;
    struct buf name = { 0 }, about = { 0 };

    if (!l->has_common && l->command->options && !is_own(l->command, o)) {
        l->has_common = true;
        buf_add_str(l->out, STR("\nCommon options:\n"));
    }
    if (!o->letter)
        buf_add_str(&name, STR("    ")); /* where the letters of others are */
    help_add_option_name(&name, o);
    help_add_option_about(&about, o);
    add_row(l->out, buf_str(&name), buf_str(&about));
    buf_done(&name);
    buf_done(&about);
}

/* ---- one command ---- */

void help_add_command(struct buf *out, const struct command *c)
{
    buf_addf(out, "Usage: eventhubctl %s [OPTION]...%s%s\n\n", c->name, c->arguments[0] ? " " : "",
             c->arguments);
    help_add_sentence(out, c->summary);
    buf_add_char(out, '\n');
    if (c->about)
        buf_addf(out, "\n%s\n", c->about);
    buf_add_str(out, STR("\nOptions:\n"));
    options_each(c, add_option, &(struct listing){ .out = out, .command = c });
    if (!c->examples)
        return;
    buf_add_str(out, STR("\nExamples:\n"));
    for (const struct example *e = c->examples; e->line; e++) {
        buf_addf(out, "  %s\n      ", e->line);
        help_add_sentence(out, e->about);
        buf_add_char(out, '\n');
    }
}

/* ---- all commands ---- */

void help_add_overview(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR("Usage: eventhubctl COMMAND [OPTION]... [ARGUMENT]...\n\n"
                         "Publishes, subscribes, and looks into an Eventhub server.\n\n"
                         "Commands:\n"));
    for (; *commands; commands++)
        add_row(out, str_of((*commands)->name), str_of((*commands)->summary));
    buf_add_str(out,
                STR("\nFor the options and examples of a command, run: eventhubctl help COMMAND\n\n"
                    "Environment:\n"));
    for (const struct option *o = options_server; o->name; o++) {
        if (o->variable) {
            struct buf name = { 0 };

            buf_addf(&name, "like --%s", o->name);
            add_row(out, str_of(o->variable), buf_str(&name));
            buf_done(&name);
        }
    }
    add_row(out, STR("NO_COLOR"), STR("if it is set, terminals get no colours"));
    buf_add_str(out, STR("\nExit status:\n"));
    for (size_t i = 0; i < exit_status_count; i++) {
        char status[8];
        size_t n = str_format_u64((uint64_t)exit_status_texts[i].status, status);

        add_row(out, str_make(status, n), str_of(exit_status_texts[i].about));
    }
}
