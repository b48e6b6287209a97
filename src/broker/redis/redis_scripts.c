#include "broker/redis/redis_scripts.h"

#include "broker/call.h"
#include "broker/gaps.h"

#define TEXT_OF(constant)      #constant
#define LUA_CONSTANT(constant) TEXT_OF(constant)

#include "lua_scripts.inc"

struct str script_text(enum script script)
{
    static const struct str texts[SCRIPT_COUNT] = {
        [SCRIPT_PUBLISH] = { lua_publish, sizeof(lua_publish) - 1 },
        [SCRIPT_HISTORY] = { lua_history, sizeof(lua_history) - 1 },
        [SCRIPT_FENCE] = { lua_fence, sizeof(lua_fence) - 1 },
        [SCRIPT_PROBE] = { lua_probe, sizeof(lua_probe) - 1 },
        [SCRIPT_REVOKE] = { lua_revoke, sizeof(lua_revoke) - 1 },
        [SCRIPT_REVOKED] = { lua_revoked, sizeof(lua_revoked) - 1 },
        [SCRIPT_PURGE] = { lua_purge, sizeof(lua_purge) - 1 },
        [SCRIPT_FORGET] = { lua_forget, sizeof(lua_forget) - 1 },
    };

    return texts[script];
}
