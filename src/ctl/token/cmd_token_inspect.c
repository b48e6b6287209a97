#include "ctl/token/cmd_token_inspect.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/token/token_report.h"
#include "ctl/token/token_source.h"
#include "hub/token.h"

extern char **environ;

struct values {
    const char *token_file, *key_file, *config_file;
    struct option_list topics;
};

/* ---- the token ---- */

static int read_file(const char *path, struct buf *ret, struct buf *why)
{
    const char *shown = strcmp(path, "/dev/stdin") == 0 ? "stdin" : path;
    int rc = file_read(path, TOKEN_MAX + 64, ret); /* a line break, and "Bearer" */

    if (rc == EH_OK)
        return EH_OK;
    buf_addf(why, "cannot read the token from %s: %s", shown,
             rc == EH_ELIMIT ? "it is longer than 64k" : strerror(errno));
    return EH_EINVAL;
}

/* Appends the text that holds the token. An open stdin comes last: reading one that nobody writes
 * to would block. */
static int read_text(const struct invocation *in, struct buf *ret, struct buf *why)
{
    const struct values *v = in->values;
    const char *word = in->n_words ? in->words[0] : NULL;
    const char *held = environment_find(environ, "EVENTHUB_TOKEN");
    const char *path =
        v->token_file ? v->token_file : environment_find(environ, "EVENTHUB_TOKEN_FILE");

    if (word && strcmp(word, "-") != 0) {
        buf_add_str(ret, str_of(word));
        return EH_OK;
    }
    if (!word && !v->token_file && held) {
        buf_add_str(ret, str_of(held));
        return EH_OK;
    }
    if (!word && path)
        return read_file(path, ret, why);
    if (word || isatty(STDIN_FILENO) != 1)
        return read_file("/dev/stdin", ret, why);
    return EH_OK;
}

/* Returns the token in the text: without white space around it, and without "Bearer". */
static struct str find_token(const struct buf *text)
{
    struct str s = buf_str(text), token;

    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = str_skip(s, 1);
    token = auth_header_token(s);
    return token.p ? token : s;
}

/* ---- the report ---- */

static void print(const struct invocation *in, const struct token_report *r)
{
    const struct values *v = in->values;
    struct buf text = { 0 };
    json_t *o;

    if (in->common->json) {
        o = token_report_json(r, &v->topics);
        term_result_json(in->term, o);
        json_decref(o);
        return;
    }
    token_report_add_text(r, &v->topics, &text);
    term_write(in->term, buf_str(&text));
    buf_done(&text);
}

static int report(const struct invocation *in, const struct token_source *source, struct str token,
                  struct buf *why)
{
    struct keyring *keys = NULL;
    struct auth_policy policy = { .keys = NULL };
    struct token_report r;
    const char *wrong;
    int status = CTL_NEGATIVE;

    if (token_source_keys(source, &keys, why) < 0)
        return CTL_USAGE;
    policy.keys = keys;
    if (token_source_audience(source))
        policy.audience = str_of(token_source_audience(source));
    if (token_source_issuer(source))
        policy.issuer = str_of(token_source_issuer(source));
    policy.leeway_ms = token_source_leeway_ms(source);
    if (token_report_make(token, &policy, clock_wall_ms(), &r, &wrong) < 0) {
        buf_addf(why, "this is not a token: %s", wrong);
    } else {
        r.has_no_key = token_source_is_default(source) || token_source_has_provider(source);
        if (!r.key_fault)
            token_source_add_key_name(source, &r.key_name, &r.key);
        print(in, &r);
        if (token_report_is_valid(&r))
            status = CTL_OK;
        if (r.key_fault && token_source_has_provider(source))
            term_note(in->term,
                      "the keys of JWT_JWKS_URL are not fetched here: the server may know the "
                      "key");
        if (!r.key_fault && token_source_is_default(source))
            term_warn(in->term, "the token is signed with the default secret, which is public");
        token_report_done(&r);
    }
    keyring_unref(keys);
    return status;
}

static int run(const struct invocation *in)
{
    const struct values *v = in->values;
    const struct token_place place = { v->key_file, v->config_file, environ };
    struct token_source *source = NULL;
    struct buf text = { 0 }, why = { 0 };
    int status = CTL_USAGE;

    if (in->n_words > 1) { /* not repeated: one of them is a token */
        term_error(in->term, "more than one argument: give the token alone, without Bearer");
        return CTL_USAGE;
    }
    if (token_source_open(&place, &source, &why) == EH_OK && read_text(in, &text, &why) == EH_OK) {
        struct str token = find_token(&text);

        if (token.n)
            status = report(in, source, token, &why);
        else
            buf_addf(&why, "there is no token: give it as an argument, on stdin, in EVENTHUB_TOKEN "
                           "or with --token-file");
    }
    if (buf_used(&why))
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
    token_source_close(source);
    buf_done(&text);
    buf_done(&why);
    return status;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    { "topic", 't', OPTION_LIST, MEMBER(topics), .value = "TOPIC",
      .about = "a topic or pattern to try: says what the holder may do there" },
    { "token-file", 0, OPTION_FILE, MEMBER(token_file), .value = "FILE",
      .about = "the file that holds the token" },
    { "key", 0, OPTION_FILE, MEMBER(key_file), .value = "FILE",
      .about = "a file with the secret, or with the public key or certificate in PEM" },
    { "config", 'c', OPTION_FILE, MEMBER(config_file), .value = "FILE",
      .about = "the server's configuration file: its JWT_ options count, unless the environment "
               "has them" },
    { "secret", 0, OPTION_REFUSED, .about = TOKEN_NO_SECRET },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl token inspect \"$TOKEN\"", "explains a token" },
    { "eventhubctl token inspect -t chat/7 -t 'news/#' \"$TOKEN\"",
      "also says what its holder may do with these topics" },
    { "eventhubctl token inspect --config /etc/eventhub/eventhub.conf --token-file alice.jwt",
      "says whether the server with this configuration accepts it" },
    { 0 },
};

const struct command cmd_token_inspect = {
    .name = "token inspect",
    .summary = "explain a token, and say whether a server accepts it",
    .arguments = "[TOKEN]",
    .max_words = SIZE_MAX,
    .about = "Takes the token from the argument, from --token-file, from EVENTHUB_TOKEN or\n"
             "EVENTHUB_TOKEN_FILE, or from stdin (-). It finds the keys that verify the\n"
             "token as eventhubctl token does. The exit status is 0 if a server with these\n"
             "keys accepts the token, and 1 if it does not, or if no key is known.",
    .takes = TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
