/* plan.h - which call is to fail, for the libraries that a test preloads into the server.
 * FAULT=NAME,N,ERRNO[,TIMES]: the N-th call of NAME fails with that error, and those behind it, so
 * many in all; ERRNO 0: it does less than was asked for. Each is said on stderr.
 * Thread:  any; the environment is read before main.
 */
#ifndef EH_TORTURE_PLAN_H
#define EH_TORTURE_PLAN_H

#include <stdbool.h>

/* Counts the call; true: it is to fail with *ret_error. */
bool fault_now(const char *name, int *ret_error);

#endif
