/* replay.c - how a port gets the live messages that it missed.
 *
 * The problem: a port misses live messages when its outbox is full or when the feed is interrupted.
 * The broker neither waits for a worker nor keeps messages that it could not post. Yet the worker
 * must get every message once and in id order, or be told of a gap.
 *
 * The idea: the log is the buffer. A replay reads everything above the outbox's high-water mark up
 * to a snapshot end (the last id issued when its first page is read) and posts each page when the
 * worker has room. Messages that the feed brings meanwhile go into the backlog and are merged with
 * the pages by id. Here messages up to 4 were posted, and 6 was trimmed from its topic's log:
 *
 *     the feed         the replay                               posts        high-water mark
 *     5 (no room)      starts and waits for room                                          4
 *     6 7 8            go into the backlog
 *                      reads 5 7 8, snapshot end 8              gap 5 6 7 8               8
 *                      drops 7 and 8 of the backlog, is done
 *     9                                                         9                         9
 *
 * The invariant: everything up to the high-water mark has been posted or reported as a gap, and
 * nothing above it has. So a message at or below the mark is a duplicate, wherever it comes from.
 *
 * On overflow, or when the feed is interrupted again, the backlog has a gap. Its messages above the
 * snapshot end are then not posted yet; the replay reads on to a new snapshot end.
 *
 * It would be simpler to drop live messages at or below the snapshot end, because the log has them.
 * That was wrong: after FLUSHALL the log is empty, while the feed still brings messages published
 * before. Now 6 in the example is posted although the log has lost it. If the feed was interrupted
 * after 6 and the topics of the gap were not known, the gap would be posted again after 6. For this,
 * the engine answers an incomplete page only when the feed has brought everything published before
 * the page was read (core.h).
 */
#include "broker/replay.h"

#include <stdlib.h>

static void ask(struct replay *r)
{
    struct broker_history *h = &r->call.history;

    if (!outbox_await_room(r->outbox))
        return; /* replay_on_room asks */
    /* `after` may be above the high-water mark: a page without messages to post still moves it. */
    if (msgid_cmp(h->after, r->outbox->high_water) < 0)
        h->after = r->outbox->high_water;
    core_call(r->outbox->core, &r->call);
}

static void report_gap(struct replay *r, struct gaps *gaps)
{
    if (!r->is_incomplete)
        metrics_inc(r->outbox->core->config.metrics, METRIC_REPLAY_GAPS);
    r->is_incomplete = true;
    r->is_gap_open = r->is_gap_open || !gaps;
    outbox_gap(r->outbox, gaps);
}

/* Posts m unless the worker has it already. Takes m. */
static void post(struct replay *r, struct message *m)
{
    if (outbox_is_new(r->outbox, m))
        outbox_post(r->outbox, m);
    message_unref(m);
}

/* Posts the held-back messages below the id. The log lacks them: it was trimmed, or Redis was emptied
 * or replaced. Messages without an id keep their place behind their predecessor. While a gap is
 * open, messages may be missing where the feed was interrupted, too: it is reported there again. */
static void post_held(struct replay *r, struct msgid below)
{
    const struct message *live;
    bool is_cut = false; /* the last one came before the interruption */

    while ((live = backlog_first(&r->backlog)) &&
           (live->legacy || msgid_cmp(live->id, below) < 0)) {
        if (!live->legacy && msgid_cmp(live->id, r->interrupted) > 0) {
            if (is_cut)
                report_gap(r, NULL);
            is_cut = false;
        } else if (!live->legacy) {
            is_cut = is_cut || (r->is_gap_open && outbox_is_new(r->outbox, live));
        }
        post(r, backlog_pop(&r->backlog));
    }
    if (is_cut)
        report_gap(r, NULL);
}

/* Posts the page even when the outbox is full: the page and the backlog are in memory already. */
static void post_page(struct replay *r)
{
    struct broker_history *h = &r->call.history;

    for (size_t i = 0; i < h->ret_n; i++) {
        post_held(r, h->ret_items[i]->id);
        post(r, h->ret_items[i]);
        r->is_gap_open = r->is_gap_open && !h->ret_complete;
    }
    free(h->ret_items);
    h->ret_items = NULL;
    outbox_flush(r->outbox);
}

/* Posts the backlog, which is all that follows: nothing up to the snapshot end is still to come. */
static void finish(struct replay *r)
{
    struct outbox *box = r->outbox;

    post_held(r, (struct msgid){ UINT64_MAX, UINT64_MAX });
    outbox_flush(box);
    if (msgid_cmp(r->call.history.snapshot_end, box->high_water) > 0)
        box->high_water = r->call.history.snapshot_end;
    replay_end(r);
}

static void on_page(struct mail *m, void *owner)
{
    struct replay *r = container_of(m, struct replay, call.mail);
    struct broker_history *h = &r->call.history;
    struct gaps *gaps;

    (void)owner;
    if (r->call.status != BROKER_DONE) { /* the engine is closing, or Redis refuses */
        report_gap(r, NULL);
        finish(r);
        return;
    }
    if (gaps_news(&r->told, h, &gaps))
        report_gap(r, gaps);
    free(h->ret_gaps);
    h->ret_gaps = NULL;
    post_page(r);
    if (h->ret_more) {
        ask(r);
    } else if (r->backlog.has_gap) {
        r->backlog.has_gap = false;
        h->snapshot_end = (struct msgid){ 0 };
        ask(r);
    } else {
        finish(r);
    }
}

void replay_start(struct replay *r)
{
    struct core *core = r->outbox->core;

    if (!core->config.cache) {
        metrics_inc(core->config.metrics, METRIC_REPLAY_GAPS);
        outbox_gap(r->outbox, NULL);
        return;
    }
    metrics_inc(core->config.metrics, METRIC_REPLAYS);
    if (r->is_running) {
        r->backlog.has_gap = true;
        r->interrupted = r->held;
        return;
    }
    r->is_running = true;
    r->call = (struct broker_call){
        .answer = on_page,
        .inbox = core->inbox,
        .op = BROKER_OP_HISTORY,
        .history.filter = STR("#"),
    };
    ask(r);
}

void replay_hold(struct replay *r, struct message *m)
{
    if (!m->legacy)
        r->held = m->id;
    backlog_add(&r->backlog, message_ref(m));
}

void replay_on_room(struct replay *r)
{
    if (r->is_running)
        ask(r);
}

void replay_init(struct replay *r, struct outbox *outbox)
{
    *r = (struct replay){ .outbox = outbox };
}

void replay_end(struct replay *r)
{
    backlog_done(&r->backlog);
    gaps_told_done(&r->told);
    r->is_running = false;
    r->is_incomplete = false;
    r->is_gap_open = false;
    r->interrupted = (struct msgid){ 0 };
}
