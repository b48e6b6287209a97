/* environment.h - looks up a variable of the environment.
 * Thread:  any; pure.
 */
#ifndef EH_BASE_ENVIRONMENT_H
#define EH_BASE_ENVIRONMENT_H

/* Returns the value; NULL: it is not set, or empty. `environment` is environ. */
const char *environment_find(char *const *environment, const char *name);

#endif
