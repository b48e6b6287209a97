/* cmd_top.h - `eventhubctl top` shows live figures of nodes. */
#ifndef EH_CTL_CMD_TOP_H
#define EH_CTL_CMD_TOP_H

extern const struct command cmd_top;

#endif
