/* The table of options as text: --help, the README's table, the man page's list, the example of a
 * configuration file.
 */
#include "app/config/config.h"

#include "app/config/config_table.h"
#include "base/buf.h"

static const char usage[] =
    "Usage: eventhub [--NAME=VALUE]...\n"
    "Publish and subscribe over WebSockets.\n"
    "\n"
    "  --help          what you are reading\n"
    "  --version       which version this is\n"
    "  --check-config  reads the options, says what is wrong with them, and ends\n"
    "  --health-check  asks the server that runs with these options: status 0 when it is alive;\n"
    "                  --health-check=ready: when it takes publishes\n"
    "  --config=FILE   reads options from a file, too: lines of the form name = value\n"
    "\n"
    "Every option is also an environment variable, in upper or lower case. --NAME=VALUE beats it,\n"
    "and it beats the file. On the command line and in the file case does not matter, and - may\n"
    "stand for _. An empty value counts as not set. Sizes are bytes or take a suffix: 64k, 8m, "
    "1g.\n"
    "\n"
    "Options:\n";

static const char *shown_default(const struct config_option *o)
{
    return o->shown ? o->shown : o->initial;
}

/* "also HANDSHAKE_TIMEOUT", as one more sentence. */
static void print_alias(FILE *out, const struct config_option *o, const char *mark)
{
    if (o->alias)
        fprintf(out, " Also %s%s%s.", mark, o->alias, mark);
}

static void print_help(FILE *out, const struct config_option *o, struct str allowed)
{
    fprintf(out, "\n  %s\n      %s", o->name, o->about);
    print_alias(out, o, "");
    fprintf(out, "\n      Default: %s. Allowed: %.*s.\n", shown_default(o), STR_ARG(allowed));
}

static void print_markdown(FILE *out, const struct config_option *o, struct str allowed)
{
    fprintf(out, "| `%s` | %s | %s", o->name, shown_default(o), o->about);
    print_alias(out, o, "`");
    fprintf(out, " | %.*s |\n", STR_ARG(allowed));
}

static void print_man(FILE *out, const struct config_option *o, struct str allowed)
{
    fprintf(out, ".TP\n.B %s\n%s", o->name, o->about);
    print_alias(out, o, "");
    fprintf(out, "\nDefault: %s.\nAllowed: %.*s.\n", shown_default(o), STR_ARG(allowed));
}

static const char file_head[] =
    "# Eventhub: all options with their defaults. Take the # away in front of those to be "
    "changed,\n"
    "# and start: eventhub --config=eventhub.conf\n"
    "#\n"
    "# A line is: name = value. Case does not matter. A # at the start of a line or after white "
    "space\n"
    "# begins a comment; a value that holds one, or begins or ends with white space, is put in "
    "single\n"
    "# or double quotes. The environment and the command line go before this file.\n";

static void print_file(FILE *out, const struct config_option *o, struct str allowed)
{
    fprintf(out, "\n# %s", o->about);
    print_alias(out, o, "");
    fprintf(out, "\n# Default: %s. Allowed: %.*s.\n#%s =%s%s\n", shown_default(o), STR_ARG(allowed),
            o->name, o->initial[0] ? " " : "", o->initial);
}

void config_print_options(FILE *out, enum config_text kind)
{
    static void (*const print[])(FILE *, const struct config_option *, struct str) = {
        [CONFIG_TEXT_HELP] = print_help,
        [CONFIG_TEXT_MARKDOWN] = print_markdown,
        [CONFIG_TEXT_MAN] = print_man,
        [CONFIG_TEXT_FILE] = print_file,
    };
    static const char *const head[] = {
        [CONFIG_TEXT_HELP] = usage,
        [CONFIG_TEXT_MARKDOWN] = "| option | default | what it is | allowed |\n"
                                 "| --- | --- | --- | --- |\n",
        [CONFIG_TEXT_MAN] = "",
        [CONFIG_TEXT_FILE] = file_head,
    };

    fputs(head[kind], out);
    for (size_t i = 0; i < config_option_count; i++) {
        struct buf allowed = { 0 };

        config_add_allowed(&allowed, &config_options[i]);
        print[kind](out, &config_options[i], buf_str(&allowed));
        buf_done(&allowed);
    }
}
