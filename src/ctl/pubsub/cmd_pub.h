/* cmd_pub.h - eventhubctl pub: publishes messages. */
#ifndef EH_CTL_CMD_PUB_H
#define EH_CTL_CMD_PUB_H

#include "ctl/line/command.h"

extern const struct command cmd_pub;

#endif
