/* options.h - the common options, and the reader of a command line.
 * Forms:   --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags -ab, `--` before arguments that
 *          begin with a dash. Options and arguments may be mixed. The value of an option may begin
 *          with one dash (--since -10m), not with two. If an option is given twice, the last
 *          one counts, except in lists. An own option hides a common one of the same name or
 *          letter.
 * Environment: an option with `variable` that is not given takes the value of that variable, unless
 *          it is empty.
 * Thread:  any; pure.
 * Borrows: texts are views of argv and the environment.
 * Fails:   with one line that names the option, the rule and the remedy, never a refused secret.
 */
#ifndef EH_CTL_OPTIONS_H
#define EH_CTL_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"

/* Common options that a command of these `takes` has; end with {NULL}. Members of struct
 * common_options. */
extern const struct option options_server[];
extern const struct option options_json[];
extern const struct option options_quiet[];
extern const struct option options_help[];

struct parsed_options {
    struct common_options common;
    void *values;       /* of the command's `size`; zeroed first; options_done frees it */
    const char **words; /* ends with NULL */
    size_t n_words;
    bool help; /* --help or -h: nothing else was checked */
};

/* Reads argv[0..argc), which follows the command's name. `environment` is environ. EH_EINVAL: *why
 * is one line. Call options_done in either case. */
int options_parse(const struct command *command, int argc, char *const *argv,
                  char *const *environment, struct parsed_options *ret,
                  struct buf *why) EH_MUST_USE;
void options_done(struct parsed_options *p);

/* Calls fn for each option that the command accepts and help shows: its own, then the common
 * ones. */
typedef void option_fn(const struct option *o, void *arg);
void options_each(const struct command *command, option_fn *fn, void *arg);

#endif
