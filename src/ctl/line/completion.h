/* completion.h - scripts that make shells complete commands, options and their values, made from
 * the tables of commands and options.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_COMPLETION_H
#define EH_CTL_COMPLETION_H

#include "base/buf.h"

struct command;

/* `commands` ends with NULL. */
void completion_add_bash(struct buf *out, const struct command *const *commands);
void completion_add_zsh(struct buf *out, const struct command *const *commands);
void completion_add_fish(struct buf *out, const struct command *const *commands);

#endif
