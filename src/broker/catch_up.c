/* catch_up.c - from the log to the live stream without a gap and without a duplicate.
 *
 * The problem: a reader missed messages, or begins in the past. The log has them, and reading it
 * takes several pages; live messages arrive meanwhile. They must neither overtake the log, nor come
 * twice, nor be lost. The log may have lost messages that the feed still brings, and the feed may
 * be interrupted once more.
 *
 * The idea: live messages are held back. All pages together are the log up to a snapshot end (the
 * last id issued when the first page was read), and held messages are merged with them by id. Here
 * everything up to 4 was delivered, and 6 was trimmed from its topic's log:
 *
 *     the feed         the log                       delivered      mark
 *     6 7 8            (held back)                                     4
 *                      5 7 8, snapshot end 8, a gap  gap 5 6 7 8       8
 *     7 and 8 are dropped; live                                        8
 *     9                                              9                 9
 *
 * The invariant: everything up to the mark has been delivered or reported as a gap, and nothing
 * above it has. So a message at or below the mark is a duplicate, wherever it comes from.
 *
 * The log is the buffer: if the held messages have no room, they are dropped. Then, and also when
 * the feed was interrupted, the log is read on from the snapshot end to a new one.
 *
 * Where a gap belongs. The log loses the oldest messages of a topic, so a gap in front of a page is
 * in front of all entries of its topics, and in the right place. But held messages that the log has
 * lost lie inside the gap. They follow each other without a hole, except where the feed was
 * interrupted: there, a mark lies in the backlog, and if such messages came before it, the gap is
 * reported again (`|` is the interruption; 5 is missing, too):
 *
 *     held 4 | 6       the log: 7, a gap             gap 4 gap 6 7
 *
 * It would be simpler to drop held messages at or below the snapshot end, because the log has them.
 * For a replay that was wrong: after FLUSHALL the log is empty, while the feed still brings
 * messages published before. For a join it is right (pages_overtake), because its pages do not wait
 * for live messages. Here 7 comes after the page, and is not above the mark. If 6 had been
 * delivered, 7 would be missing behind it, and the gap in front would not tell of that:
 *
 *     held 6           the log: 8, a gap             gap 8
 */
#include "broker/catch_up.h"

#include <stdlib.h>

static bool is_new(const struct catch_up *c, const struct message *m)
{
    return m->legacy || msgid_cmp(m->id, c->mark) > 0;
}

static void deliver(struct catch_up *c, struct message *m, bool is_entry)
{
    if (!is_new(c, m))
        return;
    c->ops->deliver(c, m);
    if (m->legacy)
        return; /* it is in no log */
    c->mark = m->id;
    gaps_delivered(&c->told, m, is_entry);
}

/* ---- held messages ---- */

static void hold(struct catch_up *c, struct message *m)
{
    backlog_push(&c->backlog, message_ref(m));
    if (c->ops->hold)
        c->ops->hold(c, m);
}

/* Gives the message; NULL: a mark. */
static struct message *pop_held(struct catch_up *c)
{
    struct message *m = backlog_pop(&c->backlog);

    if (m && c->ops->release)
        c->ops->release(c, m);
    return m;
}

static void drop_held(struct catch_up *c)
{
    while (!backlog_is_empty(&c->backlog))
        message_unref(pop_held(c));
    backlog_done(&c->backlog);
}

/* Delivers the held messages below the id, or drops them if the log has them. Messages without an
 * id keep their place behind their predecessor. */
static void pass_held(struct catch_up *c, struct msgid below, bool log_has_them)
{
    struct backlog *b = &c->backlog;
    const struct message *first;
    struct message *m;
    struct gaps *gaps = NULL;

    while (!backlog_is_empty(b) &&
           (!(first = backlog_first(b)) || first->legacy || msgid_cmp(first->id, below) < 0)) {
        m = pop_held(c);
        if (!m && (c->has_no_log || gaps_again(&c->told, &gaps)))
            c->ops->gap(c, gaps);
        if (m && (m->legacy || !log_has_them))
            deliver(c, m, false);
        message_unref(m);
    }
}

static void deliver_all_held(struct catch_up *c)
{
    pass_held(c, (struct msgid){ UINT64_MAX, UINT64_MAX }, false);
}

/* A mark behind no message tells nothing that the next page does not, unless there is no log.
 *
 * The page under way may have been read before the interruption. So the one after it may have
 * something new to tell as well. */
void catch_up_interrupted(struct catch_up *c)
{
    struct backlog *b = &c->backlog;

    if (backlog_is_empty(b) ? c->has_no_log : b->items[b->end - 1] != NULL)
        backlog_push(b, NULL);
    if (c->has_no_log)
        return;
    gaps_interrupted(&c->told);
    c->is_interrupted = true;
    b->has_gap = true;
}

/* Drops what is held. The log is the buffer from now on. */
static void overflow(struct catch_up *c)
{
    drop_held(c);
    catch_up_interrupted(c);
}

/* ---- pages ---- */

static void take_items(struct catch_up *c, struct broker_history *page)
{
    for (size_t i = 0; i < page->ret_n; i++) {
        pass_held(c, page->ret_items[i]->id, c->pages_overtake);
        deliver(c, page->ret_items[i], true);
        message_unref(page->ret_items[i]);
    }
    free(page->ret_items);
    page->ret_items = NULL;
    page->ret_n = 0;
}

bool catch_up_on_page(struct catch_up *c, struct broker_history *page)
{
    struct gaps *gaps;

    if (gaps_news(&c->told, page, &gaps))
        c->ops->gap(c, gaps);
    free(page->ret_gaps);
    page->ret_gaps = NULL;
    take_items(c, page);
    if (page->ret_more)
        return true;
    pass_held(c, msgid_next(page->snapshot_end),
              c->pages_overtake); /* nothing more to come up to it */
    if (!backlog_is_empty(&c->backlog) && !c->ops->may_hold(c, NULL))
        overflow(c);
    if (msgid_cmp(page->snapshot_end, c->mark) > 0 && !c->backlog.has_gap) {
        c->mark = page->snapshot_end;
        c->ops->reached(c, c->mark);
    }
    if (!c->backlog.has_gap) {
        deliver_all_held(c);
        return false;
    }
    c->backlog.has_gap = false;
    page->after = msgid_later(page->after, page->snapshot_end);
    page->snapshot_end = (struct msgid){ 0 };
    page->since = 0; /* what is missing was live, whatever its timestamps */
    page->latest = false;
    return true;
}

void catch_up_drop_page(struct broker_history *page)
{
    for (size_t i = 0; i < page->ret_n; i++)
        message_unref(page->ret_items[i]);
    free(page->ret_items);
    free(page->ret_gaps);
    page->ret_items = NULL;
    page->ret_gaps = NULL;
    page->ret_n = 0;
}

/* They are missing, and unless it is unknown what else is, the page says so. */
void catch_up_purge_page(struct broker_history *page, struct str topic, struct msgid id)
{
    struct gaps *gap;
    size_t n = 0;

    for (size_t i = 0; i < page->ret_n; i++) {
        struct message *m = page->ret_items[i];

        if (str_eq(m->topic, topic) && msgid_cmp(m->id, id) <= 0)
            message_unref(m);
        else
            page->ret_items[n++] = m;
    }
    if (n == page->ret_n)
        return;
    page->ret_n = n;
    if (!page->ret_complete && !page->ret_gaps)
        return;
    gap = gaps_create(&topic, 1);
    if (!gaps_add(&page->ret_gaps, gap)) {
        free(page->ret_gaps);
        page->ret_gaps = NULL;
    }
    page->ret_complete = false;
    free(gap);
}

void catch_up_fail(struct catch_up *c)
{
    gaps_told_all(&c->told);
    c->ops->gap(c, NULL);
    deliver_all_held(c);
}

void catch_up_on_ask(struct catch_up *c, struct broker_history *page)
{
    page->after = msgid_later(page->after, c->mark);
    if (c->is_interrupted)
        gaps_interrupted(&c->told);
    c->is_interrupted = false;
}

void catch_up_live(struct catch_up *c, struct message *m)
{
    if (!is_new(c, m))
        return;
    if (!c->ops->may_hold(c, m))
        overflow(c);
    if (c->ops->may_hold(c, m))
        hold(c, m);
}

void catch_up_start(struct catch_up *c, const struct catch_up_ops *ops, struct msgid mark)
{
    *c = (struct catch_up){ .ops = ops, .mark = mark };
}

void catch_up_done(struct catch_up *c)
{
    drop_held(c);
    gaps_told_done(&c->told);
}
