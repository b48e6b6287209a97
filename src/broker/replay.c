/* replay.c - how missed live messages are read from the log.
 *
 * The problem: a port misses live messages when its outbox is full, and a node when its feed is
 * interrupted. The broker neither waits for a worker nor keeps messages that it could not post. Yet
 * each worker must get every message once and in id order, or be told of a gap.
 *
 * The idea: the log is the buffer. A replay reads everything above a mark up to a snapshot end,
 * page by page as there is room; catch_up.c merges the pages with the messages that arrive
 * meanwhile. Here a port has posted messages up to 4:
 *
 *     the feed         the replay                               posts        high-water mark
 *     5 (no room)      starts and waits for room                                          4
 *     6 7 8            are held back
 *                      reads 5 6 7 8, snapshot end 8            5 6 7 8                   8
 *                      drops what it held back, is done
 *     9                                                         9                         9
 *
 * After an interruption the node reads the log once, for all ports: its replay stands in front of
 * the fanout (fanout.c). A port that is replaying for itself takes what the node passes on as live.
 *
 * The invariant: everything up to the mark has been passed on or reported as a gap, and nothing
 * above it has.
 *
 * A page may lack messages that the feed still brings: of a log that is not complete, or of a topic
 * that nobody wanted when the page was asked for. So that they come in their place, the engine
 * answers a page only when the feed has brought everything published before it was read (core.h).
 * The node's replay may hold these back, so an incomplete page of a port waits for its end, too.
 */
#include "broker/replay.h"

#include "base/clock.h"

static struct replay *replay_of(struct catch_up *c)
{
    return container_of(c, struct replay, machine);
}

static void ask(struct replay *r)
{
    r->waits_for_room = !r->ops->has_room(r);
    if (r->waits_for_room)
        return;
    catch_up_on_ask(&r->machine, &r->call.history);
    core_call(r->core, &r->call);
}

/* ---- what the machine reports ---- */

static void on_deliver(struct catch_up *c, struct message *m)
{
    replay_of(c)->ops->deliver(replay_of(c), m);
}

static void on_gap(struct catch_up *c, struct gaps *gaps)
{
    struct replay *r = replay_of(c);

    if (!r->is_incomplete)
        metrics_inc(r->core->config.metrics, METRIC_REPLAY_GAPS);
    r->is_incomplete = true;
    r->ops->gap(r, gaps);
}

static void on_reached(struct catch_up *c, struct msgid snapshot_end)
{
    replay_of(c)->ops->reached(replay_of(c), snapshot_end);
}

static bool may_hold(struct catch_up *c, const struct message *m)
{
    return !m || !backlog_is_full(&c->backlog);
}

static const struct catch_up_ops machine_ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .may_hold = may_hold,
};

/* ---- pages ---- */

/* The node's replay may wait for the room of another port, which is slower than this one. */
static void wake_node(const struct replay *r)
{
    struct replay *node = r->core->node_replay;

    if (node && node != r)
        replay_on_room(node);
}

/* Passes the page on even without room: it and the held messages are in memory already. */
static void take_page(struct replay *r)
{
    bool has_more = false;

    if (r->call.status == BROKER_DONE) {
        metrics_add(r->core->config.metrics, METRIC_REPLAY_ENTRIES, (int64_t)r->call.history.ret_n);
        has_more = catch_up_on_page(&r->machine, &r->call.history);
    } else { /* the engine is closing, or Redis refuses */
        catch_up_fail(&r->machine);
    }
    if (!has_more) {
        metrics_observe_us(r->core->config.metrics, METRIC_REPLAY_SECONDS,
                           clock_mono_us() - r->started_us, 1);
        replay_end(r);
    }
    r->ops->after_page(r);
    if (has_more)
        ask(r);
    else
        wake_node(r);
}

static void on_page(struct mail *m, void *owner)
{
    struct replay *r = container_of(m, struct replay, call.mail);
    const struct replay *node = r->core->node_replay;

    (void)owner;
    r->waits_for_node =
        node && node != r && r->call.status == BROKER_DONE && !r->call.history.ret_complete;
    if (r->waits_for_node)
        wake_node(r);
    else
        take_page(r);
}

/* ---- what the user calls ---- */

void replay_start(struct replay *r, struct msgid mark)
{
    metrics_inc(r->core->config.metrics, METRIC_REPLAYS);
    if (r->is_running) {
        catch_up_interrupted(&r->machine);
        return;
    }
    r->is_running = true;
    r->started_us = clock_mono_us();
    catch_up_start(&r->machine, &machine_ops, mark);
    r->call = (struct broker_call){
        .answer = on_page,
        .inbox = r->core->inbox,
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
    if (r->waits_for_room)
        ask(r);
}

void replay_on_node_end(struct replay *r)
{
    if (!r->waits_for_node)
        return;
    r->waits_for_node = false;
    take_page(r);
}

void replay_init(struct replay *r, struct core *core, const struct replay_ops *ops)
{
    *r = (struct replay){ .core = core, .ops = ops };
}

void replay_end(struct replay *r)
{
    if (r->waits_for_node)
        catch_up_drop_page(&r->call.history);
    catch_up_done(&r->machine);
    r->is_running = false;
    r->waits_for_room = false;
    r->waits_for_node = false;
    r->is_incomplete = false;
}
