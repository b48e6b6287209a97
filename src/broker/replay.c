#include "broker/replay.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/lost.h"

struct replay {
    struct broker_port *port;
    struct broker_call call; /* the page under way, or the next one to ask for */
    struct lost_said said;
    bool is_incomplete; /* and counted */
    bool aside_lost;    /* what was set aside does not follow on the cut: read to a new one */
    size_t n_aside;
    size_t cap_aside;
    size_t aside_bytes;
    struct message **aside;
};

static void on_page(struct mail *m, void *owner);

static void aside_clear(struct replay *r)
{
    for (size_t i = 0; i < r->n_aside; i++)
        message_unref(r->aside[i]);
    r->n_aside = 0;
    r->aside_bytes = 0;
}

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
    aside_clear(r);
    lost_said_done(&r->said);
    free(r->aside);
    free(r);
}

static void ask(struct replay *r)
{
    if (!port_await_room(r->port))
        return; /* replay_on_room asks */
    /* A page that found nothing to post may still have come a long way. */
    if (msgid_cmp(r->call.history.after, r->port->mark) < 0)
        r->call.history.after = r->port->mark;
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
        aside_clear(port->replay);
        port->replay->aside_lost = true;
        return;
    }
    port->replay = replay_create(port);
    ask(port->replay);
}

void replay_aside(struct broker_port *port, struct message *m)
{
    struct replay *r = port->replay;

    if (r->n_aside == BROKER_LIVE_MAX_MESSAGES || r->aside_bytes >= BROKER_LIVE_MAX_BYTES) {
        aside_clear(r);
        r->aside_lost = true;
    }
    if (r->n_aside == r->cap_aside) {
        r->cap_aside = r->cap_aside ? r->cap_aside * 2 : 64;
        r->aside = mem_array(r->aside, r->cap_aside, sizeof(r->aside[0]));
    }
    r->aside[r->n_aside++] = message_ref(m);
    r->aside_bytes += m->body.n;
}

static void tell_gap(struct replay *r, struct lost *lost)
{
    if (!r->is_incomplete)
        metrics_inc(core_metrics(r->port->core), METRIC_REPLAY_GAPS);
    r->is_incomplete = true;
    port_gap(r->port, lost);
}

static void check_page(struct replay *r)
{
    struct broker_history *h = &r->call.history;
    struct lost *lost;

    if (lost_news(&r->said, h, &lost))
        tell_gap(r, lost);
    free(h->ret_lost);
    h->ret_lost = NULL;
}

static void post_page(struct replay *r)
{
    struct broker_history *h = &r->call.history;

    for (size_t i = 0; i < h->ret_n; i++) {
        if (port_is_new_to(r->port, h->ret_items[i]))
            port_post(r->port, h->ret_items[i]);
        message_unref(h->ret_items[i]);
    }
    free(h->ret_items);
    h->ret_items = NULL;
    port_flush(r->port);
}

/* The cut is reached: what was set aside above it follows without a gap. */
static void finish(struct replay *r)
{
    struct broker_port *port = r->port;

    if (msgid_cmp(r->call.history.cut, port->mark) > 0)
        port->mark = r->call.history.cut;
    port->replay = NULL;
    for (size_t i = 0; i < r->n_aside; i++)
        port_live(port, r->aside[i]);
    port_flush(port);
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
    } else if (r->aside_lost) {
        r->aside_lost = false;
        r->call.history.cut = (struct msgid){ 0 };
        ask(r);
    } else {
        finish(r);
    }
}
