/* variable.h - looks up a variable of the environment.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_VARIABLE_H
#define EH_CTL_VARIABLE_H

/* Returns the value; NULL: it is not set, or empty. `environment` is environ. */
const char *variable_find(char *const *environment, const char *name);

#endif
