/* redis_scripts.h - the Lua scripts that Redis executes, embedded at build time from
 * src/broker/redis/scripts. In front of each is what all share (prelude.lua), with constants of C.
 * Thread:  any; pure.
 */
#ifndef EH_BROKER_REDIS_SCRIPTS_H
#define EH_BROKER_REDIS_SCRIPTS_H

#include "base/str.h"

/* Constants of the scripts, besides some of other headers. */
#define REDIS_FORGET_MAX     100  /* topics in one command, and without a log in one page */
#define REDIS_QUESTIONS_MAX  32   /* about the log, in one command */
#define REDIS_HISTORIES_MAX  32   /* histories that the lineage holds; older ones are forgotten */
#define REDIS_REVOKED_PAGE   500  /* revoked tokens in one answer */
#define REDIS_FENCE_AHEAD_MS 1000 /* how far the id of a fence is ahead of Redis's clock */

enum script {
    SCRIPT_PUBLISH,
    SCRIPT_HISTORY,
    SCRIPT_FENCE,
    SCRIPT_FORGET,
    SCRIPT_PROBE,
    SCRIPT_REVOKE,
    SCRIPT_REVOKED,
    SCRIPT_PURGE,
    SCRIPT_COUNT,
};

struct str script_text(enum script script);

#endif
