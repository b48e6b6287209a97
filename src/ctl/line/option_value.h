/* option_value.h - sets the value of an option, and says which values it takes.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_OPTION_VALUE_H
#define EH_CTL_OPTION_VALUE_H

#include "base/buf.h"
#include "base/err.h"

struct option;

/* Sets the option's member in the struct at base; the text must outlive it. EH_EINVAL: the text
 * breaks the rule of the option; EH_ELIMIT: the list is full. */
int option_set(const struct option *o, void *base, const char *text) EH_MUST_USE;
/* Adds the rule: "must be a number from 1 to 100". */
void option_add_rule(struct buf *out, const struct option *o);

#endif
