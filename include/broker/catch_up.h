/* catch_up.h - reads the log after a point, page by page, merges it with the live messages that
 * arrive meanwhile, and goes live: each message once and in the order of ids, or a gap in its
 * place. For the replays of a node and of a port, and for the joins of clients (catch_up.c explains
 * how).
 * Thread:  its user's. It does no I/O and reads no clock.
 * Owns:    the live messages that it holds back. The user reads the pages, and keeps the question.
 * Needs:   a page that has a gap comes after all live messages that were published before it was
 *          read, or pages_overtake is set: then the gap tells of all of them that the log lacks.
 * Bounds:  may_hold.
 */
#ifndef EH_BROKER_CATCH_UP_H
#define EH_BROKER_CATCH_UP_H

#include "broker/backlog.h"
#include "broker/gaps.h"

struct catch_up;

struct catch_up_ops {
    void (*deliver)(struct catch_up *c, struct message *m); /* borrows m */
    /* Messages are missing here; gaps NULL: of unknown topics. Takes gaps. */
    void (*gap)(struct catch_up *c, struct gaps *gaps);
    /* Everything up to this id, which is above those delivered, was delivered or reported. */
    void (*reached)(struct catch_up *c, struct msgid snapshot_end);
    /* Reports whether m may be held back, too; m NULL: whether those held still have room. If not,
     * all are dropped, and the log is read to a new snapshot end. */
    bool (*may_hold)(struct catch_up *c, const struct message *m);
    /* Both or none: m is held back from now on; it is no longer, and is delivered next or never. */
    void (*hold)(struct catch_up *c, struct message *m);
    void (*release)(struct catch_up *c, struct message *m);
};

struct catch_up {
    const struct catch_up_ops *ops;
    struct msgid mark;      /* everything up to here was delivered or reported */
    bool has_no_log;        /* set by the user after the start: nothing can be read */
    bool pages_overtake;    /* set by the user after the start: held messages up to the snapshot end
                               are dropped */
    bool is_interrupted;    /* since the last page was asked for */
    struct backlog backlog; /* a mark in it: the feed was interrupted there */
    struct gaps_told told;
};

void catch_up_start(struct catch_up *c, const struct catch_up_ops *ops, struct msgid mark);
void catch_up_done(struct catch_up *c); /* drops what it holds; may be called twice */

/* Holds a live message back. Borrows m. */
void catch_up_live(struct catch_up *c, struct message *m);
/* Live messages are missing between those held so far and the next one: the log is read on to a new
 * snapshot end, and its pages say what is missing. Without a log, a gap is reported there. */
void catch_up_interrupted(struct catch_up *c);

/* Called before a page is asked for. */
void catch_up_on_ask(struct catch_up *c, struct broker_history *page);
/* Takes the items and gaps of a page. Returns true if another is needed; `page` is then the
 * question for it. Otherwise everything held was delivered, and the user goes live. */
bool catch_up_on_page(struct catch_up *c, struct broker_history *page) EH_MUST_USE;
/* Releases a page that is not taken. */
void catch_up_drop_page(struct broker_history *page);
/* A page that is not taken yet: removes the messages of a topic that was purged up to this id. */
void catch_up_purge_page(struct broker_history *page, struct str topic, struct msgid id);
/* The log cannot be read: reports a gap and delivers everything held. The user goes live. */
void catch_up_fail(struct catch_up *c);

#endif
