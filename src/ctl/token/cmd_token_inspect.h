/* cmd_token_inspect.h - `eventhubctl token inspect` explains a token. */
#ifndef EH_CTL_CMD_TOKEN_INSPECT_H
#define EH_CTL_CMD_TOKEN_INSPECT_H

extern const struct command cmd_token_inspect;

#endif
