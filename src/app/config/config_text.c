#include "app/config/config_text.h"

#include "app/config/config_table.h"
#include "app/config/config_value.h"
#include "base/buf.h"

static const char usage[] =
    "Usage: eventhub [--NAME=VALUE]...\n"
    "A publish/subscribe server: JSON-RPC over WebSocket, server-sent events, HTTP POST.\n"
    "\n"
    "  --help          prints this text\n"
    "  --version       prints the version\n"
    "  --check-config  reads and checks the options and the files they name, then exits\n"
    "  --check-broker  connects to Redis with the same options as the server, prints what it finds "
    "there\n"
    "                  (version, role, eviction, missing rights), and exits with 0 if the server "
    "can "
    "use it\n"
    "  --health-check  asks the server that runs with the same options whether it is alive, and\n"
    "                  exits with 0 if it is. --health-check=ready asks whether it takes "
    "publishes\n"
    "  --config=FILE   reads options from a file with lines of the form name = value\n"
    "\n"
    "Every option can also be set as an environment variable, in upper or lower case. The command\n"
    "line overrides the environment, and the environment overrides the file. On the command line\n"
    "and in the file, case does not matter, and - may be written for _. An empty value counts as\n"
    "not set. Sizes are in bytes, or have a suffix: 64k, 8m, 1g.\n"
    "\n"
    "Options:\n";

static const char *shown_default(const struct config_option *o)
{
    return o->shown ? o->shown : o->initial;
}

/* Prints the alias as one more sentence. */
static void print_alias(FILE *out, const struct config_option *o, const char *mark)
{
    if (o->alias)
        fprintf(out, " Alias: %s%s%s.", mark, o->alias, mark);
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
    "# Eventhub: all options with their defaults. Remove the # in front of those that you change,\n"
    "# and start: eventhub --config=eventhub.conf\n"
    "#\n"
    "# Each line has the form: name = value. Case does not matter. A # at the start of a line or\n"
    "# after white space begins a comment. A value that contains a #, or begins or ends with "
    "white\n"
    "# space, is written in single or double quotes. The environment and the command line "
    "override\n"
    "# this file.\n";

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
        [CONFIG_TEXT_MARKDOWN] = "| option | default | meaning | allowed |\n"
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
