#include "ctl/line/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/environment.h"
#include "base/mem.h"
#include "ctl/line/option_value.h"
#include "ctl/term/units.h"

/* ---- the common options ---- */

#define MEMBER(name) .offset = offsetof(struct common_options, name)

const struct option options_server[] = {
    { "url", 'u', OPTION_TEXT, MEMBER(url), .value = "URL", .variable = "EVENTHUB_URL",
      .about = "the server: ws://, wss://, http://, https://, or unix:/path of its socket; without "
               "it, ws://127.0.0.1:8080" },
    { "token", 0, OPTION_TEXT, MEMBER(token), .value = "TOKEN", .variable = "EVENTHUB_TOKEN",
      .about = "the token; other users can see it on a command line, so EVENTHUB_TOKEN or "
               "--token-file is better" },
    { "token-file", 0, OPTION_FILE, MEMBER(token_file), .value = "FILE",
      .variable = "EVENTHUB_TOKEN_FILE",
      .about = "the file that holds the token; it is read again for each connection" },
    { "ca", 0, OPTION_FILE, MEMBER(ca), .value = "FILE",
      .about = "the certificates (PEM) that are trusted to sign the server's, instead of the "
               "system's" },
    { "insecure", 0, OPTION_FLAG, MEMBER(insecure),
      .about = "do not verify the server's certificate: anyone on the way can read and change "
               "everything, also the token" },
    { "timeout", 0, OPTION_DURATION, MEMBER(timeout_ms), .value = "TIME", .initial = "10s",
      .min = 1, .max = DAY_MS,
      .about = "how long to wait for the connection, and for each answer" },
    { 0 },
};

const struct option options_json[] = {
    { "json", 0, OPTION_FLAG, MEMBER(json), .about = "print each result as JSON on one line" },
    { 0 },
};

const struct option options_quiet[] = {
    { "quiet", 'q', OPTION_FLAG, MEMBER(quiet),
      .about = "print only results and errors: no notes, no warnings, no progress" },
    { 0 },
};

const struct option options_help[] = {
    { "help", 'h', OPTION_FLAG, .about = "print this text" },
    { 0 },
};

static const struct {
    unsigned takes; /* 0: every command does */
    const struct option *options;
} groups[] = {
    { TAKES_SERVER, options_server },
    { TAKES_JSON, options_json },
    { TAKES_QUIET, options_quiet },
    { 0, options_help },
};

/* ---- which options a command has ---- */

struct found {
    const struct option *option; /* NULL: no such option */
    bool is_own;
};

/* Finds an option by its letter or, if that is 0, by its name. */
static const struct option *find_in(const struct option *table, struct str name, char letter)
{
    for (const struct option *o = table; o && o->name; o++) {
        if (letter ? o->letter == letter : str_eq(str_of(o->name), name))
            return o;
    }
    return NULL;
}

/* The same, among all options of the command. */
static struct found find(const struct command *c, struct str name, char letter)
{
    const struct option *own = find_in(c->options, name, letter);

    if (own)
        return (struct found){ own, true };
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        const struct option *o = find_in(groups[i].options, name, letter);

        /* An own option may hide the name, the letter or both. */
        if (o && (c->takes & groups[i].takes) == groups[i].takes &&
            !find_in(c->options, str_of(o->name), 0))
            return (struct found){ o, false };
    }
    return (struct found){ 0 };
}

void options_each(const struct command *command, option_fn *fn, void *arg)
{
    for (const struct option *o = command->options; o && o->name; o++) {
        if (o->kind != OPTION_REFUSED)
            fn(o, arg);
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        for (const struct option *o = groups[i].options; o->name; o++) {
            if (find(command, str_of(o->name), 0).option == o)
                fn(o, arg);
        }
    }
}

/* ---- parsing ---- */

struct parser {
    const struct command *command;
    struct parsed_options *parsed;
    char *const *next; /* argv */
    char *const *end;
    char *const *environment;
    bool is_given_common[32]; /* by the position in options_server; other groups have no variable */
    struct buf *why;
};

/* Every error ends alike. */
static int refuse(struct parser *p)
{
    buf_addf(p->why, "; see eventhubctl help %s", p->command->name);
    return EH_EINVAL;
}

/* `shown` is how the error names the option: "--url", "EVENTHUB_URL". */
static int set(struct parser *p, struct found f, const char *shown, const char *text)
{
    void *base = f.is_own ? p->parsed->values : &p->parsed->common;

    if (option_set(f.option, base, text) == EH_OK)
        return EH_OK;
    buf_addf(p->why, "%s ", shown);
    option_add_rule(p->why, f.option);
    return refuse(p);
}

static int set_given(struct parser *p, struct found f, const char *text)
{
    char shown[64] = "--";

    strncat(shown, f.option->name, sizeof(shown) - 3);
    if (!f.is_own && f.option >= options_server &&
        f.option < options_server + ARRAY_LEN(options_server))
        p->is_given_common[f.option - options_server] = true;
    return set(p, f, shown, text);
}

/* Sets the option from the text after its name or letter (NULL: there is none) or from the next
 * argument. */
static int take_value(struct parser *p, struct found f, const char *attached)
{
    const struct option *o = f.option;

    if (attached)
        return set_given(p, f, attached);
    if (p->next == p->end || strncmp(*p->next, "--", 2) == 0) {
        buf_addf(p->why, "--%s needs a value: --%s %s", o->name, o->name, o->value);
        return refuse(p);
    }
    return set_given(p, f, *p->next++);
}

static int unknown(struct parser *p, struct str text)
{
    buf_addf(p->why, "unknown option %.*s", STR_ARG(text));
    return refuse(p);
}

/* Returns whether the option stands alone: a flag, which is set, help, or one that is refused. */
static int take_alone(struct parser *p, struct found f)
{
    if (f.option == options_help) {
        p->parsed->help = true;
        return EH_OK;
    }
    if (f.option->kind == OPTION_REFUSED) {
        buf_add_str(p->why, str_of(f.option->about));
        return EH_EINVAL;
    }
    return set_given(p, f, NULL);
}

static bool is_alone(const struct option *o)
{
    return o->kind == OPTION_FLAG || o->kind == OPTION_REFUSED;
}

/* Takes "--name", "--name=value". */
static int take_long(struct parser *p, const char *arg)
{
    struct str rest = str_of(arg + 2), name;
    struct found f;

    (void)str_cut(&rest, '=', &name);
    f = find(p->command, name, 0);
    if (!f.option)
        return unknown(p, str_make(arg, name.n + 2));
    if (!is_alone(f.option))
        return take_value(p, f, rest.p);
    if (rest.p && f.option->kind == OPTION_FLAG) {
        buf_addf(p->why, "--%s takes no value", f.option->name);
        return refuse(p);
    }
    return take_alone(p, f);
}

/* Takes "-q", "-nVALUE", and several flags in one argument. */
static int take_letters(struct parser *p, const char *arg)
{
    for (const char *c = arg + 1; *c && !p->parsed->help; c++) {
        struct found f = find(p->command, (struct str){ 0 }, *c);

        if (!f.option)
            return unknown(p, str_make((char[]){ '-', *c }, 2));
        if (!is_alone(f.option))
            return take_value(p, f, c[1] ? c + 1 : NULL);
        EH_TRY(take_alone(p, f));
    }
    return EH_OK;
}

static int take_all(struct parser *p)
{
    bool only_words = false;

    while (p->next < p->end && !p->parsed->help) {
        const char *arg = *p->next++;

        if (only_words || arg[0] != '-' || !arg[1])
            p->parsed->words[p->parsed->n_words++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_words = true;
        else if (arg[1] == '-')
            EH_TRY(take_long(p, arg));
        else
            EH_TRY(take_letters(p, arg));
    }
    return EH_OK;
}

/* ---- defaults, the environment, the number of arguments ---- */

static void set_initial(const struct option *table, void *base)
{
    for (const struct option *o = table; o && o->name; o++) {
        if (o->initial && option_set(o, base, o->initial) < 0)
            assert(false && "a default that its own option refuses");
    }
}

/* Reads the variables of options that were not given. A token of the command line, in either form,
 * overrides both of the environment's. */
static int take_environment(struct parser *p)
{
    for (const struct option *o = options_server; o->name; o++) {
        const struct found f = find(p->command, str_of(o->name), 0);
        const bool is_given = p->is_given_common[o - options_server];
        const char *text = o->variable ? environment_find(p->environment, o->variable) : NULL;
        const struct common_options *common = &p->parsed->common;
        bool is_token = o->variable && strstr(o->variable, "TOKEN");

        if (f.option != o || !text || is_given ||
            (is_token && (common->token || common->token_file)))
            continue;
        EH_TRY(set(p, f, o->variable, text));
    }
    return EH_OK;
}

static int check_words(struct parser *p)
{
    const struct command *c = p->command;
    size_t n = p->parsed->n_words;

    if (n >= c->min_words && n <= c->max_words)
        return EH_OK;
    if (n < c->min_words)
        buf_addf(p->why, "missing argument");
    else
        buf_addf(p->why, "unexpected argument \"%s\"", p->parsed->words[c->max_words]);
    buf_addf(p->why, ": eventhubctl %s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);
    return refuse(p);
}

int options_parse(const struct command *command, int argc, char *const *argv,
                  char *const *environment, struct parsed_options *ret, struct buf *why)
{
    struct parser p = { .command = command,
                        .parsed = ret,
                        .next = argv,
                        .end = argv + argc,
                        .environment = environment,
                        .why = why };

    *ret = (struct parsed_options){ 0 };
    ret->values = mem_zalloc(command->size + 1);
    ret->words = mem_zalloc(((size_t)argc + 1) * sizeof(*ret->words));
    set_initial(command->options, ret->values);
    set_initial(options_server, &ret->common);
    EH_TRY(take_all(&p));
    if (ret->help)
        return EH_OK;
    if (ret->common.token && ret->common.token_file) {
        buf_add_str(why, STR("--token conflicts with --token-file: use one of them"));
        return refuse(&p);
    }
    EH_TRY(take_environment(&p));
    return check_words(&p);
}

void options_done(struct parsed_options *p)
{
    free(p->values);
    free(p->words);
    *p = (struct parsed_options){ 0 };
}
