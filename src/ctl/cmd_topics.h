/* cmd_topics.h - the command that lists the topics of the event log through the control API. */
#ifndef EH_CTL_CMD_TOPICS_H
#define EH_CTL_CMD_TOPICS_H

extern const struct command cmd_topics;

#endif
