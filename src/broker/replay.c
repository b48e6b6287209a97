/* replay.c - how a port gets the live messages that it missed.
 *
 * The problem: a port misses live messages when its outbox is full or when the feed is interrupted.
 * The broker neither waits for a worker nor keeps messages that it could not post. Yet the worker
 * must get every message once and in id order, or be told of a gap.
 *
 * The idea: the log is the buffer. A replay reads everything above the outbox's high-water mark up
 * to a snapshot end and posts each page when the worker has room; catch_up.c merges the pages with
 * the messages that the feed brings meanwhile. Here messages up to 4 were posted:
 *
 *     the feed         the replay                               posts        high-water mark
 *     5 (no room)      starts and waits for room                                          4
 *     6 7 8            are held back
 *                      reads 5 6 7 8, snapshot end 8            5 6 7 8                   8
 *                      drops what it held back, is done
 *     9                                                         9                         9
 *
 * The invariant: everything up to the high-water mark has been posted or reported as a gap, and
 * nothing above it has.
 *
 * An incomplete page may lack messages that the feed still brings. So that they come in their
 * place, the engine answers such a page only when the feed has brought everything published before
 * the page was read (core.h).
 */
#include "broker/replay.h"

static struct replay *replay_of(struct catch_up *c)
{
    return container_of(c, struct replay, machine);
}

static void ask(struct replay *r)
{
    r->waits_for_room = !outbox_await_room(r->outbox);
    if (r->waits_for_room)
        return;
    catch_up_on_ask(&r->machine, &r->call.history);
    core_call(r->outbox->core, &r->call);
}

static void on_deliver(struct catch_up *c, struct message *m)
{
    outbox_post(replay_of(c)->outbox, m);
}

static void on_gap(struct catch_up *c, struct gaps *gaps)
{
    struct replay *r = replay_of(c);

    if (!r->is_incomplete)
        metrics_inc(r->outbox->core->config.metrics, METRIC_REPLAY_GAPS);
    r->is_incomplete = true;
    outbox_gap(r->outbox, gaps);
}

static void on_reached(struct catch_up *c, struct msgid snapshot_end)
{
    replay_of(c)->outbox->high_water = snapshot_end;
}

static bool may_hold(struct catch_up *c, const struct message *m)
{
    return !m || !backlog_is_full(&c->backlog);
}

static const struct catch_up_ops ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .may_hold = may_hold,
};

/* Posts the page even when the outbox is full: it and the held messages are in memory already. */
static void on_page(struct mail *m, void *owner)
{
    struct replay *r = container_of(m, struct replay, call.mail);
    bool has_more = false;

    (void)owner;
    if (r->call.status == BROKER_DONE)
        has_more = catch_up_on_page(&r->machine, &r->call.history);
    else /* the engine is closing, or Redis refuses */
        catch_up_fail(&r->machine);
    outbox_flush(r->outbox);
    if (has_more)
        ask(r);
    else
        replay_end(r);
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
        catch_up_interrupted(&r->machine);
        return;
    }
    r->is_running = true;
    catch_up_start(&r->machine, &ops, r->outbox->high_water);
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
    catch_up_live(&r->machine, m);
}

void replay_on_room(struct replay *r)
{
    if (r->is_running && r->waits_for_room)
        ask(r);
}

void replay_init(struct replay *r, struct outbox *outbox)
{
    *r = (struct replay){ .outbox = outbox };
}

void replay_end(struct replay *r)
{
    catch_up_done(&r->machine);
    r->is_running = false;
    r->is_incomplete = false;
}
