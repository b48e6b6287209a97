/* cmd_clients.h - the commands that list and disconnect clients through the control API. */
#ifndef EH_CTL_CMD_CLIENTS_H
#define EH_CTL_CMD_CLIENTS_H

extern const struct command cmd_clients;
extern const struct command cmd_disconnect;

#endif
