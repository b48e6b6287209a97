/* scripts.h - the Lua that runs inside Redis (src/broker/redis/scripts), embedded at build time.
 * Thread: any; pure.
 */
#ifndef EH_BROKER_SCRIPTS_H
#define EH_BROKER_SCRIPTS_H

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
