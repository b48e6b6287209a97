/* cmd_kv.h - eventhubctl kv get, kv set, kv del: the key/value store. */
#ifndef EH_CTL_CMD_KV_H
#define EH_CTL_CMD_KV_H

#include "ctl/line/command.h"

extern const struct command cmd_kv_get;
extern const struct command cmd_kv_set;
extern const struct command cmd_kv_del;

#endif
