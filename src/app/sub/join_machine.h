/* join_machine.h - the calls from the machine of a join to its subscription and connection.
 * Thread:  the connection's worker.
 * Needs:   the machine is part of a struct join, which has a subscription.
 */
#ifndef EH_APP_JOIN_MACHINE_H
#define EH_APP_JOIN_MACHINE_H

#include "broker/catch_up.h"

extern const struct catch_up_ops join_machine_ops;

#endif
