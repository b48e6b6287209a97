/* cmd_help.h - see command.h. */
#ifndef EH_CTL_CMD_HELP_H
#define EH_CTL_CMD_HELP_H

extern const struct command cmd_help;

#endif
