/* join_machine.h - what the machine of a join reports to the subscription, and asks of its
 * connection.
 * Thread:  the connection's worker.
 * Needs:   the machine is part of a struct join, which has a subscription.
 */
#ifndef EH_APP_JOIN_MACHINE_H
#define EH_APP_JOIN_MACHINE_H

#include "broker/catch_up.h"

extern const struct catch_up_ops join_machine_ops;

#endif
