/* cmd_sub.h - eventhubctl sub: prints messages as they are published. */
#ifndef EH_CTL_CMD_SUB_H
#define EH_CTL_CMD_SUB_H

#include "ctl/line/command.h"

extern const struct command cmd_sub;

#endif
