/* cmd_ping.h - see command.h. */
#ifndef EH_CTL_CMD_PING_H
#define EH_CTL_CMD_PING_H

extern const struct command cmd_ping;

#endif
