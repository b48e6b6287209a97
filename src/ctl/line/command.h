/* command.h - a command of eventhubctl: one cmd_x.c defines `const struct command cmd_x`, cmd_x.h
 * declares it, and main.c lists it.
 * Tables:  parsing, help, the man page, docs/eventhubctl.md and shell completion are made from the
 *          members here and the tables of options (option.h). So a text here is plain, complete and
 *          understood without its neighbours. Summaries and texts begin in lower case and end
 *          without a full stop; a summary is a verb in the imperative.
 * Output:  results go to stdout, everything else to stderr, both through term.h.
 * Thread:  main; commands that connect run one loop (runtime.h).
 */
#ifndef EH_CTL_COMMAND_H
#define EH_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option;
struct term;

/* The common options (options.c); each command takes those that its `takes` names, and --help. */
struct common_options {
    const char *url;   /* NULL: --url and EVENTHUB_URL are not set */
    const char *token; /* NULL, as all below */
    const char *token_file;
    const char *ca;
    bool insecure;
    uint64_t timeout_ms; /* for connecting, and for the answer to a request */
    bool json;
    bool quiet;
};

enum {
    TAKES_SERVER = 1, /* --url, --token, --token-file, --ca, --insecure, --timeout */
    TAKES_JSON = 2,   /* --json */
    TAKES_QUIET = 4,  /* --quiet */
};

struct example {
    const char *line;  /* of a shell: "eventhubctl pub room/7 Hello" */
    const char *about; /* "publishes one message" */
};

/* The command line of one run. */
struct invocation {
    const struct command *command;
    const struct common_options *common;
    const void *values;       /* the command's own struct, see `size` */
    const char *const *words; /* arguments that are not options; words[n_words] is NULL */
    size_t n_words;
    struct term *term;
    const struct command *const *commands; /* the whole table, which ends with NULL */
};

struct command {
    const char *name;               /* "pub", or two words: "kv get" */
    const char *summary;            /* one line: "publish messages" */
    const char *arguments;          /* "TOPIC [MESSAGE]"; "": none */
    size_t min_words;               /* how many arguments it needs */
    size_t max_words;               /* SIZE_MAX: any number */
    const char *about;              /* more lines of help, at most 78 columns; NULL: none */
    unsigned takes;                 /* TAKES_ */
    const struct option *options;   /* its own; end with {NULL}; NULL: none */
    size_t size;                    /* of the struct that its options fill, which begins zeroed */
    const struct example *examples; /* end with {NULL} */
    int (*run)(const struct invocation *in); /* returns an exit status */
};

/* Finds the command that the first one or two of the words name: "kv get" before "kv". *ret_used is
 * how many of them. NULL: there is none. */
const struct command *command_find(const struct command *const *commands, char *const *words,
                                   size_t n, size_t *ret_used);
/* Reports whether the word is the first or the only one of the command's name. */
bool command_is_in_group(const struct command *c, const char *word);

#endif
