/* cmd_health.h - see command.h. */
#ifndef EH_CTL_CMD_HEALTH_H
#define EH_CTL_CMD_HEALTH_H

extern const struct command cmd_health;

#endif
