/* manual.h - the reference of all commands, made from the tables of commands and options.
 * scripts/docs.sh writes it into docs/eventhubctl.md and docs/eventhubctl.1.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_MANUAL_H
#define EH_CTL_MANUAL_H

#include "base/buf.h"

struct command;

/* `commands` ends with NULL. */
void manual_add_markdown(struct buf *out, const struct command *const *commands);
void manual_add_man(struct buf *out, const struct command *const *commands);

#endif
