/* cmd_presence.h - see command.h. */
#ifndef EH_CTL_CMD_PRESENCE_H
#define EH_CTL_CMD_PRESENCE_H

#include "ctl/line/command.h"

extern const struct command cmd_presence;

#endif
