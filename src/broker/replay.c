#include "broker/replay.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/backlog.h"
#include "broker/gaps.h"

struct replay {
    struct broker_port *port;
    struct broker_call call; /* the page under way, or the next one to ask for */
    struct gaps_told said;
    bool is_incomplete;     /* and counted */
    struct backlog backlog; /* its hole is read from the log: to a new cut */
};

static void on_page(struct mail *m, void *owner);

static struct replay *replay_create(struct broker_port *port)
{
    struct replay *r = mem_zalloc(sizeof(*r));

    r->port = port;
    r->call.answer = on_page;
    r->call.op = BROKER_OP_HISTORY;
    r->call.history.filter = STR("#");
    return r;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    backlog_done(&r->backlog);
    gaps_told_done(&r->said);
    free(r);
}

static void ask(struct replay *r)
{
    if (!port_await_room(r->port))
        return; /* replay_on_room asks */
    /* A page that found nothing to post may still have come a long way. */
    if (msgid_cmp(r->call.history.after, r->port->high_water) < 0)
        r->call.history.after = r->port->high_water;
    core_call(r->port->core, &r->call);
}

void replay_on_room(struct broker_port *port)
{
    if (port->replay)
        ask(port->replay);
}

void replay_start(struct broker_port *port)
{
    if (!core_has_log(port->core)) {
        metrics_inc(core_metrics(port->core), METRIC_REPLAY_GAPS);
        port_gap(port, NULL);
        return;
    }
    metrics_inc(core_metrics(port->core), METRIC_REPLAYS);
    if (port->replay) {
        port->replay->backlog.has_gap = true;
        return;
    }
    port->replay = replay_create(port);
    ask(port->replay);
}

void replay_hold(struct broker_port *port, struct message *m)
{
    backlog_add(&port->replay->backlog, message_ref(m));
}

static void tell_gap(struct replay *r, struct gaps *gaps)
{
    if (!r->is_incomplete)
        metrics_inc(core_metrics(r->port->core), METRIC_REPLAY_GAPS);
    r->is_incomplete = true;
    port_gap(r->port, gaps);
}

static void check_page(struct replay *r)
{
    struct broker_history *h = &r->call.history;
    struct gaps *gaps;

    if (gaps_news(&r->said, h, &gaps))
        tell_gap(r, gaps);
    free(h->ret_gaps);
    h->ret_gaps = NULL;
}

/* Takes m. */
static void post(struct replay *r, struct message *m)
{
    if (port_is_new_to(r->port, m))
        port_post(r->port, m);
    message_unref(m);
}

/* What is older than the log's next entry, and not in the log any more: it was trimmed, or Redis
 * was emptied, while it was on its way. One without an id goes with the one before it. */
static void post_backlog_before(struct replay *r, struct msgid id)
{
    const struct message *m;

    while ((m = backlog_first(&r->backlog)) && (m->legacy || msgid_cmp(m->id, id) < 0))
        post(r, backlog_pop(&r->backlog));
}

/* Whatever waits for the worker: what was set aside waits already. */
static void post_page(struct replay *r)
{
    struct broker_history *h = &r->call.history;

    for (size_t i = 0; i < h->ret_n; i++) {
        post_backlog_before(r, h->ret_items[i]->id);
        post(r, h->ret_items[i]);
    }
    free(h->ret_items);
    h->ret_items = NULL;
    port_flush(r->port);
}

/* The cut is reached, and nothing at or below it is still to come: what was set aside is all that
 * follows. */
static void finish(struct replay *r)
{
    struct broker_port *port = r->port;

    while (backlog_first(&r->backlog))
        post(r, backlog_pop(&r->backlog));
    port_flush(port);
    if (msgid_cmp(r->call.history.snapshot_end, port->high_water) > 0)
        port->high_water = r->call.history.snapshot_end;
    port->replay = NULL;
    replay_free(r);
}

static void on_page(struct mail *m, void *owner)
{
    struct replay *r = container_of(m, struct replay, call.mail);

    (void)owner;
    if (r->call.status != BROKER_DONE) { /* the engine closes, or Redis refuses */
        tell_gap(r, NULL);
        finish(r);
        return;
    }
    check_page(r);
    post_page(r);
    if (r->call.history.ret_more) {
        ask(r);
    } else if (r->backlog.has_gap) {
        r->backlog.has_gap = false;
        r->call.history.snapshot_end = (struct msgid){ 0 };
        ask(r);
    } else {
        finish(r);
    }
}
