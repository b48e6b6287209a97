/* help.h - the texts of help, made from the tables of commands and options.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_HELP_H
#define EH_CTL_HELP_H

#include "base/buf.h"

struct command;
struct option;

/* Adds the list of commands, the variables of the environment, and the exit statuses. `commands`
 * ends with NULL. */
void help_add_overview(struct buf *out, const struct command *const *commands);
void help_add_command(struct buf *out, const struct command *c);

/* Adds a text of a table as a sentence: with a capital letter and a full stop. */
void help_add_sentence(struct buf *out, const char *text);
/* Adds "-n, --count NUMBER", or "--json". */
void help_add_option_name(struct buf *out, const struct option *o);
/* Adds what the option means, its default, its choices and its variable, as sentences with a final
 * full stop. */
void help_add_option_about(struct buf *out, const struct option *o);

#endif
