/* cmd_token.h - `eventhubctl token` makes a token. */
#ifndef EH_CTL_CMD_TOKEN_H
#define EH_CTL_CMD_TOKEN_H

extern const struct command cmd_token;

#endif
