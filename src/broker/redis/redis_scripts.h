/* redis_scripts.h - the Lua scripts that Redis executes, embedded at build time from
 * src/broker/redis/scripts.
 * Thread:  any; pure.
 */
#ifndef EH_BROKER_REDIS_SCRIPTS_H
#define EH_BROKER_REDIS_SCRIPTS_H

#include "base/str.h"

enum script {
    SCRIPT_PUBLISH,
    SCRIPT_HISTORY,
    SCRIPT_FENCE,
    SCRIPT_FORGET,
    SCRIPT_PROBE,
    SCRIPT_COUNT,
};

struct str script_text(enum script script);

#endif
