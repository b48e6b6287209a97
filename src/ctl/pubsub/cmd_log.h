/* cmd_log.h - eventhubctl log: prints messages of the event log. */
#ifndef EH_CTL_CMD_LOG_H
#define EH_CTL_CMD_LOG_H

#include "ctl/line/command.h"

extern const struct command cmd_log;

#endif
