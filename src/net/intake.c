/* intake.c - measures how late a worker is, without asking it.
 *
 * A worker whose turns are long, or that is stuck, must get no more sockets. It cannot say so
 * itself, so the acceptor measures how long its sockets wait. It posts a receipt behind a socket.
 * Mail is delivered in order, so when the worker has come to the receipt, it has taken that socket
 * and all before it. Only one receipt is under way:
 *
 *     acceptor   s1 R s2 s3                s4 R s5
 *     worker                s1 R s2 s3             s4 R s5
 *                   |<------->|               |<---->|     the delay
 *
 * The receipt does not come back: a reference count tells where it is. The acceptor holds one
 * reference and a receipt under way another. So a receipt costs no wake-up, and it may outlive the
 * acceptor. Rejected: a time for each socket (the first that waits is enough), and a figure that
 * the worker writes (a worker that is stuck does not write it).
 */
#include "net/intake.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct intake {
    struct mailbox *worker;
    struct mail receipt;
    atomic_int refs;    /* 2 while the receipt is under way */
    uint64_t posted_ms; /* the last receipt */
};

static void unref(struct intake *in)
{
    if (atomic_fetch_sub(&in->refs, 1) == 1)
        free(in);
}

/* Runs on the worker. */
static void on_receipt(struct mail *m, void *owner)
{
    (void)owner;
    unref(container_of(m, struct intake, receipt));
}

struct intake *intake_create(struct mailbox *worker)
{
    struct intake *in = mem_zalloc(sizeof(*in));

    in->worker = worker;
    in->receipt.fn = on_receipt;
    atomic_init(&in->refs, 1);
    return in;
}

void intake_free(struct intake *in)
{
    if (in)
        unref(in);
}

void intake_post(struct intake *in, struct mail *socket, uint64_t now_ms)
{
    mailbox_post(in->worker, socket);
    if (atomic_load(&in->refs) > 1)
        return;
    atomic_store(&in->refs, 2);
    in->posted_ms = now_ms;
    mailbox_post(in->worker, &in->receipt);
}

bool intake_is_late(const struct intake *in, uint64_t now_ms)
{
    return atomic_load(&in->refs) > 1 && now_ms - in->posted_ms > INTAKE_LATE_MS;
}
