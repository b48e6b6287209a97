/* cmd_completion.h - see command.h. */
#ifndef EH_CTL_CMD_COMPLETION_H
#define EH_CTL_CMD_COMPLETION_H

extern const struct command cmd_completion;

#endif
