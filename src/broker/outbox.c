/* outbox.c - batches for a worker, bounded without waiting for it.
 *
 * The problem: the broker's thread hands live messages to the workers, and a worker may be slow. It
 * must not hold up the broker or the other workers, and its messages must not pile up without
 * bound. Waking a worker for each message would cost more than the message.
 *
 * The idea: the messages of one turn go to the worker as one batch, one mail. Two atomic counters
 * hold the messages and bytes that are posted and not yet freed. The broker adds and the worker
 * subtracts, so neither waits for the other. At the bounds the port stops posting, and a replay
 * reads the rest from the log when there is room again. It waits until less than half of the bounds
 * is in use, so that it reads whole pages and not one message for each that the worker frees.
 *
 * The invariant: `room` is in at most one list. The thread that changes room_state from ROOM_WANTED
 * owns the mail, so the broker looks a second time after it has asked:
 *
 *     broker                                  worker
 *     more than half is in use
 *                                             frees its last batch
 *                                             ROOM_NOT_WANTED: posts nothing
 *     ROOM_NOT_WANTED -> ROOM_WANTED
 *     less than half is in use by now:
 *     takes ROOM_WANTED back and goes on
 *
 * Without the second look the broker would wait for a worker that has nothing left to free. A plain
 * flag instead of three states is not enough either: with the mail posted and the flag down, a
 * broker that filled the outbox again before the mail arrived would ask again, and the worker would
 * post a mail that is still in a list.
 */
#include "broker/outbox.h"

#include <stdlib.h>

#include "base/mem.h"

#define BATCH_MIN 16

static bool is_below(const struct outbox *box, size_t messages, size_t bytes)
{
    return atomic_load(&box->waiting) < messages && atomic_load(&box->waiting_bytes) < bytes;
}

static bool is_half_empty(const struct outbox *box)
{
    return is_below(box, BROKER_LIVE_MAX_MESSAGES / 2, BROKER_LIVE_MAX_BYTES / 2);
}

bool outbox_has_room(const struct outbox *box)
{
    return is_below(box, BROKER_LIVE_MAX_MESSAGES, BROKER_LIVE_MAX_BYTES);
}

static bool change_room_state(struct outbox *box, enum room_state from, enum room_state to)
{
    return atomic_compare_exchange_strong(&box->room_state, &from, to);
}

bool outbox_await_room(struct outbox *box)
{
    if (is_half_empty(box))
        return true;
    /* This fails if room was asked for before, or is on its way. */
    (void)change_room_state(box, ROOM_NOT_WANTED, ROOM_WANTED);
    return is_half_empty(box) && change_room_state(box, ROOM_WANTED, ROOM_NOT_WANTED);
}

static void on_room(struct mail *m, void *owner)
{
    struct outbox *box = container_of(m, struct outbox, room);

    (void)owner;
    atomic_store(&box->room_state, ROOM_NOT_WANTED);
    box->on_room(box);
}

static void batch_free(struct live_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        message_unref(batch->items[i]);
    free(batch->gaps);
    free(batch);
}

void outbox_batch_free(struct live_batch *batch)
{
    struct outbox *box = batch->outbox;

    atomic_fetch_sub(&box->waiting, batch->n);
    atomic_fetch_sub(&box->waiting_bytes, batch->bytes);
    batch_free(batch);
    if (is_half_empty(box) && change_room_state(box, ROOM_WANTED, ROOM_POSTED))
        mailbox_post(box->core->inbox, &box->room);
}

/* Returns the batch of this turn with room for one more; a new one takes the gap along. */
static struct live_batch *batch_with_room(struct outbox *box)
{
    struct live_batch *batch = box->batch;

    if (batch && batch->n < box->batch_cap)
        return batch;
    box->batch_cap = batch ? box->batch_cap * 2 : BATCH_MIN;
    box->batch = mem_realloc(batch, sizeof(*batch) + box->batch_cap * sizeof(batch->items[0]));
    if (!batch) {
        *box->batch =
            (struct live_batch){ .outbox = box, .has_gap = box->has_gap, .gaps = box->gaps };
        box->has_gap = false;
        box->gaps = NULL;
    }
    return box->batch;
}

bool outbox_is_new(const struct outbox *box, const struct message *m)
{
    return m->legacy || msgid_cmp(m->id, box->high_water) > 0;
}

void outbox_post(struct outbox *box, struct message *m)
{
    struct live_batch *batch = batch_with_room(box);

    batch->items[batch->n++] = message_ref(m);
    batch->bytes += m->body.n;
    atomic_fetch_add(&box->waiting, 1);
    atomic_fetch_add(&box->waiting_bytes, m->body.n);
    if (!m->legacy)
        box->high_water = m->id;
}

void outbox_gap(struct outbox *box, struct gaps *gaps)
{
    outbox_flush(box); /* what was posted before the gap must not come after it */
    if (box->has_gap) {
        free(box->gaps);
        free(gaps);
        gaps = NULL;
    }
    box->has_gap = true;
    box->gaps = gaps;
}

void outbox_set_high_water(struct outbox *box, struct msgid id)
{
    box->high_water = id;
    if (!box->has_gap) /* that waits for room, and the mark goes with it */
        (void)batch_with_room(box);
}

void outbox_flush(struct outbox *box)
{
    struct live_batch *batch = box->batch;

    /* A flush that finds no room asks for it, even when `room` has just arrived: the broker may
     * have filled the outbox again while that mail was on its way. */
    if (!batch && box->has_gap && (outbox_has_room(box) || outbox_await_room(box)))
        batch = batch_with_room(box);
    if (!batch)
        return;
    box->batch = NULL;
    batch->high_water = box->high_water;
    batch->mail.fn = box->on_live;
    mailbox_post(box->inbox, &batch->mail);
}

void outbox_init(struct outbox *box, struct core *core, struct mailbox *inbox, mail_fn *on_live,
                 outbox_room_fn *on_room_fn)
{
    *box = (struct outbox){ .core = core, .inbox = inbox, .on_live = on_live };
    box->room.fn = on_room;
    box->on_room = on_room_fn;
}

void outbox_end(struct outbox *box)
{
    if (box->batch)
        batch_free(box->batch);
    box->batch = NULL;
    free(box->gaps);
    box->gaps = NULL;
    box->has_gap = false;
}
