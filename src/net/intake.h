/* intake.h - the way of accepted sockets to one worker, and whether the worker is late.
 * Thread:  the acceptor's.
 * Owns:    itself; a receipt that is still under way frees it.
 * Borrows: the worker's mailbox.
 */
#ifndef EH_NET_INTAKE_H
#define EH_NET_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/mailbox.h"

#define INTAKE_LATE_MS 100

struct intake;

struct intake *intake_create(struct mailbox *worker);
void intake_free(struct intake *in);
void intake_post(struct intake *in, struct mail *socket, uint64_t now_ms);
/* Reports whether a socket that was posted longer than INTAKE_LATE_MS ago is not known to have been
 * taken. */
bool intake_is_late(const struct intake *in, uint64_t now_ms);

#endif
