/* completion.c - each script has the same three parts: the first word, the second word of commands
 * like `kv get`, and then, by the command, its options. An option's value is a file, one of a few
 * words, or something that no shell knows.
 *
 * bash takes lists of words. zsh has _arguments, which reads one specification for each option.
 * fish has one line for each option, with a condition.
 */
#include "ctl/line/completion.h"

#include <string.h>

#include "ctl/line/command.h"
#include "ctl/line/options.h"

/* ---- the words of commands ---- */

static struct str first_word(const struct command *c)
{
    struct str rest = str_of(c->name), word;

    (void)str_cut(&rest, ' ', &word);
    return word;
}

/* Returns the second word; {NULL, 0} if there is none. */
static struct str second_word(const struct command *c)
{
    struct str rest = str_of(c->name), word;

    (void)str_cut(&rest, ' ', &word);
    return rest;
}

/* Reports whether no command before this one has the same first word. */
static bool is_first(const struct command *const *commands, const struct command *const *at)
{
    for (; commands < at; commands++) {
        if (str_eq(first_word(*commands), first_word(*at)))
            return false;
    }
    return true;
}

/* Adds all second words that follow a first one, with spaces between them. */
static void add_second_words(struct buf *out, const struct command *const *commands,
                             struct str first)
{
    const char *space = "";

    for (; *commands; commands++) {
        if (second_word(*commands).p && str_eq(first_word(*commands), first)) {
            buf_addf(out, "%s%.*s", space, STR_ARG(second_word(*commands)));
            space = " ";
        }
    }
}

/* Adds the words that the argument is one of: "bash|zsh|fish". */
static void add_choices(struct buf *out, const struct command *c)
{
    struct str rest = str_of(c->arguments), word;
    const char *space = "";

    if (!strchr(c->arguments, '|'))
        return;
    while (str_cut(&rest, '|', &word)) {
        buf_addf(out, "%s%.*s", space, STR_ARG(word));
        space = " ";
    }
}

/* Adds a line for each first word that others follow, with `before` and `after` around those. help
 * takes the names of commands, and not their arguments. */
static void add_next_words(struct buf *out, const struct command *const *commands, bool is_help,
                           const char *before, const char *after)
{
    for (const struct command *const *c = commands; *c; c++) {
        struct buf next = { 0 };

        if (is_first(commands, c)) {
            add_second_words(&next, commands, first_word(*c));
            if (!is_help)
                add_choices(&next, *c);
        }
        if (buf_used(&next))
            buf_addf(out, "            %.*s%s%.*s%s", STR_ARG(first_word(*c)), before,
                     STR_ARG(buf_str(&next)), after);
        buf_done(&next);
    }
}

static void add_first_words(struct buf *out, const struct command *const *commands)
{
    const char *space = "";

    for (const struct command *const *c = commands; *c; c++) {
        if (is_first(commands, c)) {
            buf_addf(out, "%s%.*s", space, STR_ARG(first_word(*c)));
            space = " ";
        }
    }
}

/* Adds the text in single quotes. `escaped` are the characters that get a backslash. */
static void add_quoted(struct buf *out, const char *text, const char *escaped, const char *quote)
{
    buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'') {
            buf_add_str(out, str_of(quote));
            continue;
        }
        if (strchr(escaped, *text))
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
    buf_add_char(out, '\'');
}

/* Adds the case of each command. Two words come first, so that `token` does not take `token
 * inspect`. */
static void add_commands(struct buf *out, const struct command *const *commands,
                         void (*add)(struct buf *out, const struct command *c))
{
    for (const struct command *const *c = commands; *c; c++) {
        if (second_word(*c).p)
            add(out, *c);
    }
    for (const struct command *const *c = commands; *c; c++) {
        if (!second_word(*c).p)
            add(out, *c);
    }
}

/* ---- bash ---- */

static void add_bash_name(const struct option *o, void *arg)
{
    buf_addf(arg, " --%s", o->name);
    if (o->letter)
        buf_addf(arg, " -%c", o->letter);
}

/* Adds what follows an option that takes a value. */
static void add_bash_value(const struct option *o, void *arg)
{
    struct buf *out = arg;

    if (o->kind == OPTION_FLAG)
        return;
    buf_add_str(out, STR("            "));
    if (o->letter)
        buf_addf(out, "-%c | ", o->letter);
    buf_addf(out, "--%s) ", o->name);
    if (o->kind == OPTION_FILE)
        buf_add_str(out, STR("compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"));"));
    else if (o->kind == OPTION_CHOICE)
        buf_addf(out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"));", o->choices);
    buf_add_str(out, STR(" return ;;\n"));
}

static void add_bash_command(struct buf *out, const struct command *c)
{
    buf_addf(out, "        '%s%s)\n", c->name, second_word(c).p ? "'" : " '*");
    buf_add_str(out, STR("            case $prev in\n"));
    options_each(c, add_bash_value, out);
    buf_add_str(out, STR("            esac\n            words='"));
    options_each(c, add_bash_name, out);
    buf_add_str(out, STR("' ;;\n"));
}

void completion_add_bash(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR("# Completion of eventhubctl for bash: eval \"$(eventhubctl completion "
                         "bash)\"\n"
                         "_eventhubctl() {\n"
                         "    local cur=${COMP_WORDS[COMP_CWORD]} "
                         "prev=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
                         "    COMPREPLY=()\n"
                         "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                         "        words='"));
    add_first_words(out, commands);
    buf_add_str(out, STR(" --help --version'\n    else\n"
                         "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n"));
    add_commands(out, commands, add_bash_command);
    buf_add_str(out, STR("        esac\n        if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                         "            case ${COMP_WORDS[1]} in\n            help) words='"));
    add_first_words(out, commands);
    buf_add_str(out, STR("' ;;\n"));
    add_next_words(out, commands, false, ") words=\"$words ", "\" ;;\n");
    buf_add_str(out, STR("            esac\n"
                         "        elif [ \"${COMP_WORDS[1]} $COMP_CWORD\" = 'help 3' ]; then\n"
                         "            case ${COMP_WORDS[2]} in\n"));
    add_next_words(out, commands, true, ") words='", "' ;;\n");
    buf_add_str(out, STR("            esac\n        fi\n    fi\n"
                         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
                         "complete -F _eventhubctl eventhubctl\n"));
}

/* ---- zsh ---- */

#define ZSH_QUOTE "'\\''"

static void add_zsh_value(struct buf *out, const struct option *o)
{
    if (o->kind == OPTION_FLAG)
        return;
    buf_addf(out, "':%s:", o->value);
    if (o->kind == OPTION_FILE)
        buf_add_str(out, STR("_files"));
    else if (o->kind == OPTION_CHOICE)
        buf_addf(out, "(%s)", o->choices);
    else
        buf_add_char(out, ' '); /* nothing to offer */
    buf_add_char(out, '\'');
}

/* Adds one specification of _arguments: '(-u --url)'{-u,--url}'[about]':URL:. */
static void add_zsh_option(const struct option *o, void *arg)
{
    struct buf *out = arg;

    buf_add_str(out, STR(" \\\n            "));
    if (o->kind == OPTION_LIST)
        buf_add_str(out, STR("'*'"));
    else if (o->letter)
        buf_addf(out, "'(-%c --%s)'", o->letter, o->name);
    if (o->letter)
        buf_addf(out, "{-%c,--%s}", o->letter, o->name);
    else
        buf_addf(out, "--%s", o->name);
    buf_add_str(out, STR("'['"));
    add_quoted(out, o->about, "[]\\", ZSH_QUOTE);
    buf_add_str(out, STR("']'"));
    add_zsh_value(out, o);
}

static void add_zsh_command(struct buf *out, const struct command *c)
{
    buf_addf(out, "    '%s%s)\n        _arguments -s", c->name, second_word(c).p ? "'" : " '*");
    options_each(c, add_zsh_option, out);
    buf_add_str(out, STR(" \\\n            '*: : ' ;;\n"));
}

void completion_add_zsh(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR("#compdef eventhubctl\n"
                         "# Completion of eventhubctl for zsh: a file _eventhubctl in $fpath\n"
                         "_eventhubctl() {\n    local -a commands\n    commands=("));
    for (const struct command *const *c = commands; *c; c++) {
        if (is_first(commands, c)) {
            buf_addf(out, "\n        %.*s:", STR_ARG(first_word(*c)));
            add_quoted(out, (*c)->summary, ":\\", ZSH_QUOTE);
        }
    }
    buf_add_str(out, STR("\n    )\n    if ((CURRENT == 2)); then\n"
                         "        _describe command commands\n        return\n    fi\n"
                         "    if ((CURRENT == 3)); then\n        case $words[2] in\n"
                         "        help) _describe command commands; return ;;\n"));
    add_next_words(out, commands, false, ") compadd ", " ;;\n");
    buf_add_str(out, STR("        esac\n    fi\n"
                         "    if ((CURRENT == 4)) && [[ $words[2] == help ]]; then\n"
                         "        case $words[3] in\n"));
    add_next_words(out, commands, true, ") compadd ", "; return ;;\n");
    buf_add_str(out, STR("        esac\n    fi\n    case \"$words[2] $words[3]\" in\n"));
    add_commands(out, commands, add_zsh_command);
    buf_add_str(out, STR("    esac\n}\n_eventhubctl \"$@\"\n"));
}

/* ---- fish ---- */

#define FISH_QUOTE "\\'"

struct fish {
    struct buf *out;
    const struct command *command;
};

static void add_fish_option(const struct option *o, void *arg)
{
    const struct fish *f = arg;
    const struct command *c = f->command;

    buf_addf(f->out, "complete -c eventhubctl -n '__fish_seen_subcommand_from %.*s",
             STR_ARG(first_word(c)));
    if (second_word(c).p)
        buf_addf(f->out, "; and __fish_seen_subcommand_from %.*s", STR_ARG(second_word(c)));
    buf_addf(f->out, "' -l %s", o->name);
    if (o->letter)
        buf_addf(f->out, " -s %c", o->letter);
    if (o->kind == OPTION_FILE)
        buf_add_str(f->out, STR(" -r -F"));
    else if (o->kind == OPTION_CHOICE)
        buf_addf(f->out, " -x -a '%s'", o->choices);
    else if (o->kind != OPTION_FLAG)
        buf_add_str(f->out, STR(" -x"));
    buf_add_str(f->out, STR(" -d "));
    add_quoted(f->out, o->about, "\\", FISH_QUOTE);
    buf_add_char(f->out, '\n');
}

static void add_fish_words(struct buf *out, const struct command *const *commands,
                           const struct command *const *at)
{
    struct str second = second_word(*at);

    if (is_first(commands, at)) {
        buf_addf(out, "complete -c eventhubctl -n __fish_use_subcommand -a %.*s -d ",
                 STR_ARG(first_word(*at)));
        add_quoted(out, (*at)->summary, "\\", FISH_QUOTE);
        buf_add_char(out, '\n');
    }
    if (strchr((*at)->arguments, '|')) {
        buf_addf(out, "complete -c eventhubctl -n '__fish_seen_subcommand_from %s' -a '",
                 (*at)->name);
        add_choices(out, *at);
        buf_add_str(out, STR("'\n"));
    }
    if (second.p) {
        buf_addf(out, "complete -c eventhubctl -n '__fish_seen_subcommand_from %.*s' -a %.*s -d ",
                 STR_ARG(first_word(*at)), STR_ARG(second));
        add_quoted(out, (*at)->summary, "\\", FISH_QUOTE);
        buf_add_char(out, '\n');
    }
}

void completion_add_fish(struct buf *out, const struct command *const *commands)
{
    buf_add_str(out, STR("# Completion of eventhubctl for fish: eventhubctl completion fish | "
                         "source\n"
                         "complete -c eventhubctl -f\n"
                         "complete -c eventhubctl -n '__fish_seen_subcommand_from help' -a '"));
    add_first_words(out, commands);
    buf_add_str(out, STR("'\n"));
    for (const struct command *const *c = commands; *c; c++) {
        add_fish_words(out, commands, c);
        options_each(*c, add_fish_option, &(struct fish){ out, *c });
    }
}
