/* plan.h - selects the call that fails, for the libraries that a test preloads into the server.
 * FAULT=NAME,N,ERRNO[,TIMES]: TIMES calls of NAME (default 1) fail with that error, from the N-th
 * on. With ERRNO 0, recv and sendmsg transfer one byte instead. Each fault is reported on stderr.
 * Thread:  any; the environment is read before main.
 */
#ifndef EH_TORTURE_PLAN_H
#define EH_TORTURE_PLAN_H

#include <stdbool.h>

/* Counts the call. True: it must fail with *ret_error. */
bool fault_now(const char *name, int *ret_error);

#endif
