/* sub_presence.h - counts which of a worker's clients are subscribed.
 * Thread:  the worker's.
 */
#ifndef EH_APP_SUB_PRESENCE_H
#define EH_APP_SUB_PRESENCE_H

#include "net/mailbox.h"

mail_fn sub_presence_on_count; /* a struct broker_count: the broker asks */

#endif
