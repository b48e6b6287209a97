/* main.c - the table of commands: finds the command that the first words name, reads its options,
 * runs it, and turns the outcome into an exit status.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/mem.h"
#include "ctl/bench/cmd_bench.h"
#include "ctl/cmd_clients.h"
#include "ctl/cmd_completion.h"
#include "ctl/cmd_health.h"
#include "ctl/cmd_help.h"
#include "ctl/cmd_kv.h"
#include "ctl/cmd_ping.h"
#include "ctl/cmd_presence.h"
#include "ctl/cmd_purge.h"
#include "ctl/cmd_revoke.h"
#include "ctl/cmd_topics.h"
#include "ctl/line/command.h"
#include "ctl/line/help.h"
#include "ctl/line/options.h"
#include "ctl/pubsub/cmd_log.h"
#include "ctl/pubsub/cmd_pub.h"
#include "ctl/pubsub/cmd_sub.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/token/cmd_token.h"
#include "ctl/token/cmd_token_inspect.h"
#include "ctl/top/cmd_top.h"

extern char **environ;

/* In the order of help. */
static const struct command *const commands[] = {
    /* clang-format off */
    &cmd_sub,
    &cmd_pub,
    &cmd_log,
    &cmd_kv_get,
    &cmd_kv_set,
    &cmd_kv_del,
    &cmd_presence,
    &cmd_topics,
    &cmd_purge,
    &cmd_clients,
    &cmd_disconnect,
    &cmd_revoke,
    &cmd_ping,
    &cmd_health,
    &cmd_top,
    &cmd_bench,
    &cmd_token,
    &cmd_token_inspect,
    &cmd_completion,
    &cmd_help,
    /* clang-format on */
    NULL,
};

static void print_help(struct term *t, const struct command *c)
{
    struct buf text = { 0 };

    help_add_command(&text, c);
    term_write(t, buf_str(&text));
    buf_done(&text);
}

static int run_command(struct term *t, const struct command *c, int argc, char **argv)
{
    struct parsed_options p;
    struct buf why = { 0 };
    int status = CTL_USAGE;

    if (options_parse(c, argc, argv, environ, &p, &why) < 0) {
        term_error(t, "%.*s", STR_ARG(buf_str(&why)));
    } else if (p.help) {
        print_help(t, c);
        status = CTL_OK;
    } else {
        const struct invocation in = { .command = c,
                                       .common = &p.common,
                                       .values = p.values,
                                       .words = p.words,
                                       .n_words = p.n_words,
                                       .term = t,
                                       .commands = commands };

        t->quiet = p.common.quiet;
        t->json = p.common.json;
        if (p.common.insecure)
            term_warn(t, "--insecure: the server's certificate is not verified");
        status = c->run(&in);
    }
    options_done(&p);
    buf_done(&why);
    return status;
}

/* Answers words that begin no command. */
static int refuse(struct term *t, const char *word, const char *second)
{
    struct buf known = { 0 };

    for (const struct command *const *c = commands; *c; c++) {
        if (command_is_in_group(*c, word))
            buf_addf(&known, "%s%s", buf_used(&known) ? ", " : "", (*c)->name);
    }
    if (buf_used(&known) && second && second[0] != '-')
        term_error(t, "unknown command \"%s %s\"; the commands are %.*s", word, second,
                   STR_ARG(buf_str(&known)));
    else if (buf_used(&known))
        term_error(t, "\"%s\" needs one more word: %.*s", word, STR_ARG(buf_str(&known)));
    else
        term_error(t, "unknown %s \"%s\"; eventhubctl help lists the commands",
                   word[0] == '-' ? "option" : "command", word);
    buf_done(&known);
    return CTL_USAGE;
}

static int run_words(struct term *t, int argc, char **argv)
{
    const struct str first = argc ? str_of(argv[0]) : STR("");
    const struct command *c;
    size_t used;

    if (argc == 0) {
        term_error(t, "which command? eventhubctl help lists them");
        return CTL_USAGE;
    }
    if (str_eq(first, STR("--version")) || str_eq(first, STR("-V"))) {
        term_printf(t, "eventhubctl %s\n", EVENTHUB_VERSION);
        return CTL_OK;
    }
    if (str_eq(first, STR("--help")) || str_eq(first, STR("-h")))
        return run_command(t, &cmd_help, argc - 1, argv + 1);
    c = command_find(commands, argv, (size_t)argc, &used);
    if (!c)
        return refuse(t, argv[0], argc > 1 ? argv[1] : NULL);
    return run_command(t, c, argc - (int)used, argv + used);
}

int main(int argc, char **argv)
{
    struct term term;
    int status;

    if (!fds_open_standard()) {
        perror("eventhubctl: /dev/null");
        return CTL_USAGE;
    }
    json_set_alloc_funcs(mem_alloc, free); /* jansson, too, aborts when memory runs out */
    json_object_seed(0);                   /* from the system's randomness */
    term_init(&term, environ);
    status = run_words(&term, argc ? argc - 1 : 0, argv + 1);
    term_done(&term);
    return status;
}
