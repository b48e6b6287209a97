#include "ctl/line/manual.h"

#include "base/array.h"
#include "ctl/line/command.h"
#include "ctl/line/help.h"
#include "ctl/line/options.h"
#include "ctl/term/exit_status.h"

/* The groups of common options. */
static const struct {
    const char *title; /* NULL: that of the group before */
    const struct option *options;
} groups[] = {
    { "Options of the connection", options_server },
    { "Options of the output", options_json },
    { NULL, options_quiet },
};

static bool is_shown(const struct option *o)
{
    return o->kind != OPTION_REFUSED;
}

static bool has_options(const struct command *c)
{
    for (const struct option *o = c->options; o && o->name; o++) {
        if (is_shown(o))
            return true;
    }
    return false;
}

typedef void row_fn(struct buf *out, struct str name, struct str about);

static void add_options(struct buf *out, const struct option *options, row_fn *add_row)
{
    for (const struct option *o = options; o && o->name; o++) {
        struct buf name = { 0 }, about = { 0 };

        if (!is_shown(o))
            continue;
        help_add_option_name(&name, o);
        help_add_option_about(&about, o);
        add_row(out, buf_str(&name), buf_str(&about));
        buf_done(&name);
        buf_done(&about);
    }
}

/* ---- Markdown ---- */

/* In a table, a bar would end the cell, also within code. */
static void add_cell(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
}

static void add_markdown_row(struct buf *out, struct str name, struct str about)
{
    buf_add_str(out, STR("| `"));
    add_cell(out, name);
    buf_add_str(out, STR("` | "));
    add_cell(out, about);
    buf_add_str(out, STR(" |\n"));
}

static void add_markdown_head(struct buf *out)
{
    buf_add_str(out, STR("\n| option | meaning |\n| --- | --- |\n"));
}

static void add_markdown_command(struct buf *out, const struct command *c)
{
    const unsigned both = TAKES_JSON | TAKES_QUIET;

    buf_addf(out, "\n### %s\n\n", c->name);
    help_add_sentence(out, c->summary);
    if (c->about)
        buf_addf(out, "\n\n%s", c->about);
    buf_addf(out, "\n\n```text\neventhubctl %s [OPTION]...%s%s\n```\n", c->name,
             c->arguments[0] ? " " : "", c->arguments);
    if (has_options(c)) {
        add_markdown_head(out);
        add_options(out, c->options, add_markdown_row);
    }
    if (c->takes)
        buf_add_str(out, STR("\nAlso takes the"));
    if (c->takes & TAKES_SERVER)
        buf_addf(out, " [options of the connection](#options-of-the-connection)%s",
                 c->takes == TAKES_SERVER ? "" : " and the");
    if (c->takes & both)
        buf_addf(out, " option%s%s%s%s of the [output](#options-of-the-output)",
                 both == (c->takes & both) ? "s" : "", c->takes & TAKES_JSON ? " `--json`" : "",
                 both == (c->takes & both) ? " and" : "",
                 c->takes & TAKES_QUIET ? " `--quiet`" : "");
    if (c->takes)
        buf_add_str(out, STR(".\n"));
    if (!c->examples)
        return;
    buf_add_str(out, STR("\n```text\n"));
    for (const struct example *e = c->examples; e->line; e++)
        buf_addf(out, "%s# %s\n%s\n", e == c->examples ? "" : "\n", e->about, e->line);
    buf_add_str(out, STR("```\n"));
}

void manual_add_markdown(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR("\n## Commands\n\n| command | what it does |\n| --- | --- |\n"));
    for (const struct command *const *c = commands; *c; c++) {
        buf_addf(out, "| `eventhubctl %s` | ", (*c)->name);
        add_cell(out, str_of((*c)->summary));
        buf_add_str(out, STR(" |\n"));
    }
    for (; *commands; commands++)
        add_markdown_command(out, *commands);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (groups[i].title) {
            buf_addf(out, "\n## %s\n", groups[i].title);
            add_markdown_head(out);
        }
        add_options(out, groups[i].options, add_markdown_row);
    }
    buf_add_str(out, STR("\n## Exit status\n\n| status | meaning |\n| --- | --- |\n"));
    for (size_t i = 0; i < exit_status_count; i++)
        buf_addf(out, "| %d | %s |\n", exit_status_texts[i].status, exit_status_texts[i].about);
}

/* ---- the manual page ---- */

/* Escapes what roff would read as its own: backslashes, dashes, and a dot or quote that begins a
 * line. */
static void add_roff(struct buf *out, struct str text)
{
    bool begins = true;

    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];

        if (begins && (c == '.' || c == '\''))
            buf_add_str(out, STR("\\&"));
        if (c == '\\')
            buf_add_str(out, STR("\\e"));
        else if (c == '-')
            buf_add_str(out, STR("\\-"));
        else
            buf_add_char(out, c);
        begins = c == '\n';
    }
}

static void add_man_row(struct buf *out, struct str name, struct str about)
{
    buf_add_str(out, STR(".TP\n.B "));
    add_roff(out, name);
    buf_add_char(out, '\n');
    add_roff(out, about);
    buf_add_char(out, '\n');
}

/* An example is a literal block of its own: long lines must not be broken. */
static void add_man_examples(struct buf *out, const struct command *c)
{
    if (c->examples)
        buf_add_str(out, STR(".PP\n.B Examples:\n"));
    for (const struct example *e = c->examples; e && e->line; e++) {
        buf_add_str(out, STR(".PP\n"));
        help_add_sentence(out, e->about);
        buf_add_str(out, STR("\n.PP\n.nf\n.RS 4\n"));
        add_roff(out, str_of(e->line));
        buf_add_str(out, STR("\n.RE\n.fi\n"));
    }
}

static void add_man_command(struct buf *out, const struct command *c)
{
    const char *quote = strchr(c->name, ' ') ? "\"" : "";

    buf_addf(out, ".SS %s%s [OPTION]...%s%s%s\n", quote, c->name, c->arguments[0] ? " " : "",
             c->arguments, quote);
    help_add_sentence(out, c->summary);
    buf_add_char(out, '\n');
    if (c->about) {
        buf_add_str(out, STR(".PP\n"));
        add_roff(out, str_of(c->about));
        buf_add_char(out, '\n');
    }
    add_options(out, c->options, add_man_row);
    add_man_examples(out, c);
}

void manual_add_man(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR(".SH COMMANDS\n"));
    for (; *commands; commands++)
        add_man_command(out, *commands);
    buf_add_str(out, STR(".SH OPTIONS\nCommands that connect take the first group, and nearly all "
                         "take the last ones.\nThe help of each command lists its own.\n"));
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        add_options(out, groups[i].options, add_man_row);
    buf_add_str(out, STR(".SH EXIT STATUS\n"));
    for (size_t i = 0; i < exit_status_count; i++) {
        buf_addf(out, ".TP\n.B %d\n", exit_status_texts[i].status);
        help_add_sentence(out, exit_status_texts[i].about);
        buf_add_char(out, '\n');
    }
}
