/* outbox.h - live messages on their way to one worker: the batch of this turn, and a count of what
 * was posted and not yet freed.
 * Thread:  the broker's, except outbox_batch_free, which runs on the worker.
 * Bounds:  BROKER_LIVE_MAX_MESSAGES and BROKER_LIVE_MAX_BYTES wait for the worker. The outbox only
 *          counts; port.c and replay.c stop posting when it has no room.
 */
#ifndef EH_BROKER_OUTBOX_H
#define EH_BROKER_OUTBOX_H

#include "broker/core.h"
#include "broker/worker_mail.h"

struct outbox;

/* Called on the broker's thread after less than half of the bounds was in use. By now it may be
 * more again. */
typedef void outbox_room_fn(struct outbox *box);

/* The state of `room`, a single struct that must not be posted again before it has arrived. */
enum room_state {
    ROOM_NOT_WANTED,
    ROOM_WANTED, /* the worker shall post it */
    ROOM_POSTED, /* the worker has posted it; it is on its way */
};

struct outbox {
    struct core *core;
    struct mailbox *inbox; /* the worker's */
    mail_fn *on_live;
    struct msgid high_water;  /* the highest id of ours posted to this worker */
    struct live_batch *batch; /* of this turn, or NULL */
    size_t batch_cap;
    bool has_gap;      /* messages are missing before the next batch */
    struct gaps *gaps; /* ... only of these topics; NULL: the topics are not known */
    outbox_room_fn *on_room;
    struct mail room; /* posted by the worker when less than half of the bounds is in use */
    _Atomic enum room_state room_state;
    atomic_size_t waiting; /* messages posted and not yet freed by the worker */
    atomic_size_t waiting_bytes;
};

void outbox_init(struct outbox *box, struct core *core, struct mailbox *inbox, mail_fn *on_live,
                 outbox_room_fn *on_room);
/* Drops the messages that were not flushed. Nothing is posted after this. May be called twice. */
void outbox_end(struct outbox *box);

/* Returns true for a message whose id is above the high-water mark, and for a legacy message. */
bool outbox_is_new(const struct outbox *box, const struct message *m);
bool outbox_has_room(const struct outbox *box);

/* Adds m to the batch of this turn, even beyond the bounds, and moves the high-water mark to its
 * id. Borrows m. */
void outbox_post(struct outbox *box, struct message *m);
/* Reports that messages are missing between those posted so far and the next one. The gap goes out
 * with the next batch, or with the next flush that finds room; a flush that finds none asks for it,
 * so on_room must flush again. Gaps that wait for room become one gap of unknown topics. Takes
 * gaps, which may be NULL. */
void outbox_gap(struct outbox *box, struct gaps *gaps);
/* Sets the high-water mark without a message; it goes out with the next flush, or with a gap that
 * waits for room. */
void outbox_set_high_water(struct outbox *box, struct msgid id);
void outbox_flush(struct outbox *box); /* posts the batch to the worker */

/* Returns true if less than half of the bounds is in use. Otherwise on_room is called once that is
 * so. */
bool outbox_await_room(struct outbox *box);

void outbox_batch_free(struct live_batch *batch); /* on the worker */

#endif
