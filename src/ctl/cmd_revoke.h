/* cmd_revoke.h - the command that revokes tokens through the control API. */
#ifndef EH_CTL_CMD_REVOKE_H
#define EH_CTL_CMD_REVOKE_H

extern const struct command cmd_revoke;

#endif
