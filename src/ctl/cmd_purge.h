/* cmd_purge.h - the command that empties the log of a topic through the control API. */
#ifndef EH_CTL_CMD_PURGE_H
#define EH_CTL_CMD_PURGE_H

extern const struct command cmd_purge;

#endif
