/* config_value.h - finds options and sets their values: what each kind accepts, and the rule as
 * text.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_VALUE_H
#define EH_APP_CONFIG_VALUE_H

#include "app/config/config.h"
#include "app/config/config_table.h"
#include "base/buf.h"
#include "base/err.h"

/* Finds an option by its name or alias, in any case and with - or _ between the words; NULL: there
 * is no such option. */
const struct config_option *config_find(struct str name);

/* Reports whether a source gave the option of this name a value, even if that is the default. */
bool config_is_given(const struct config *c, const char *name);

/* Returns the member of a text option. */
char **config_text(struct config *c, const struct config_option *o);

/* Sets the option's member. EH_EINVAL: the text breaks the rule of the option. */
int config_set(struct config *c, const struct config_option *o, struct str text) EH_MUST_USE;

/* Adds the values that the option accepts, for the documentation: "0 to 65535". */
void config_add_allowed(struct buf *out, const struct config_option *o);
/* Adds the same as a rule, for an error: "must be a number from 0 to 65535". */
void config_add_rule(struct buf *out, const struct config_option *o);

#endif
