#include "ctl/top/top_nodes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ctl/line/command.h"
#include "ctl/link/fetch.h"
#include "ctl/link/reply_reader.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/clean.h"
#include "ctl/term/units.h"
#include "net/loop.h"

struct node {
    struct top_nodes *all;
    struct target *target;
    struct buf name;     /* ends with a NUL, as do the texts below */
    struct fetch *fetch; /* under way */
    uint64_t asked_ms;   /* when it began */
    bool is_late;        /* the round ended without its answer */
    struct buf fault;    /* why the last answer is missing; empty: it is there */
    struct top_sample sample;
    struct top_figures figures; /* up to the sample */
    bool has_sample, has_figures;
    uint64_t slow, refused;
};

struct top_nodes {
    struct runtime *rt;
    struct loop *loop;
    struct top_setup setup;
    struct timer timer;
    struct node *nodes;
    size_t n;
    uint64_t round;
    size_t n_open; /* nodes that this round waits for */
    bool is_reported;
    struct top_reasons refusals;
};

/* ---- one answer ---- */

static void set_fault(struct node *node, struct str why)
{
    buf_clear(&node->fault);
    clean_add(&node->fault, why, true);
    buf_add_char(&node->fault, '\0');
    node->has_figures = false; /* the next ones cover the time without an answer, too */
}

static void take_sample(struct node *node, const struct top_sample *sample)
{
    const struct top_sample *before = &node->sample;

    buf_clear(&node->fault);
    node->has_figures = node->has_sample && top_figures_between(before, sample, &node->figures);
    if (node->has_figures) {
        node->slow += node->figures.added[TOP_SLOW];
        node->refused += node->figures.added[TOP_REFUSED];
        top_reasons_add(&node->all->refusals, before, sample);
    }
    node->sample = *sample;
    node->has_sample = true;
}

static void judge(struct node *node, const struct fetch_result *r)
{
    struct top_sample sample;
    struct buf why = { 0 };

    if (r->why) {
        buf_add_str(&why, str_of(r->why));
    } else if (r->reply->status != 200) {
        buf_add_str(&why, STR("no metrics on this port; try the server's METRICS_LISTEN_PORT: "));
        reply_add_error(&why, r->reply, r->body);
    } else if (!top_sample_parse(r->body, loop_now(node->all->loop), &sample)) {
        buf_add_str(&why, STR("the answer is not the metrics of an Eventhub server"));
    }
    if (buf_used(&why))
        set_fault(node, buf_str(&why));
    else
        take_sample(node, &sample);
    buf_done(&why);
}

/* ---- rounds ---- */

static void report_round(struct top_nodes *t)
{
    t->is_reported = true;
    t->setup.on_round(t->setup.arg, t->round);
}

static void on_answer(const struct fetch_result *r, void *arg)
{
    struct node *node = arg;
    struct top_nodes *t = node->all;
    bool was_late = node->is_late;

    judge(node, r);
    fetch_free(node->fetch);
    node->fetch = NULL;
    node->is_late = false;
    if (!was_late && --t->n_open == 0)
        report_round(t);
}

static void ask(struct node *node)
{
    struct top_nodes *t = node->all;

    if (node->fetch)
        return;
    node->asked_ms = loop_now(t->loop);
    node->fetch = fetch_start(t->rt, node->target, "/metrics?format=json", on_answer, node);
    t->n_open++;
}

static void begin_round(struct top_nodes *t)
{
    t->round++;
    t->n_open = 0;
    t->is_reported = false;
    loop_timer(t->loop, &t->timer, t->setup.interval_ms);
    for (size_t i = 0; i < t->n; i++)
        ask(&t->nodes[i]);
}

static void set_late(struct node *node)
{
    uint64_t ms = loop_now(node->all->loop) - node->asked_ms;
    struct buf why = { 0 };

    buf_add_str(&why, STR("no answer for "));
    duration_add(&why, ms < 1000 ? ms : ms / 1000 * 1000);
    set_fault(node, buf_str(&why));
    buf_done(&why);
    node->is_late = true;
}

static void on_interval(struct timer *timer)
{
    struct top_nodes *t = container_of(timer, struct top_nodes, timer);

    for (size_t i = 0; i < t->n; i++) {
        if (t->nodes[i].fetch)
            set_late(&t->nodes[i]);
    }
    if (!t->is_reported)
        report_round(t);
    begin_round(t);
}

/* ---- nodes ---- */

static int add_node(struct top_nodes *t, const char *url, struct buf *why)
{
    struct node *node = &t->nodes[t->n];

    EH_TRY(target_create(t->setup.common, url, &node->target, why));
    node->all = t;
    clean_add(&node->name,
              str_of(node->target->socket ? node->target->socket : node->target->authority), true);
    clean_add(&node->name, str_of(node->target->path), true);
    buf_add_char(&node->name, '\0');
    t->n++;
    return EH_OK;
}

int top_nodes_create(struct runtime *rt, const struct top_setup *setup, struct top_nodes **ret,
                     struct buf *why)
{
    struct top_nodes *t = mem_zalloc(sizeof(*t));
    size_t n = setup->n ? setup->n : 1;
    int rc = EH_OK;

    *t = (struct top_nodes){ .rt = rt, .loop = runtime_loop(rt), .setup = *setup };
    t->nodes = mem_array(NULL, n, sizeof(*t->nodes));
    memset(t->nodes, 0, n * sizeof(*t->nodes));
    timer_init(&t->timer, on_interval);
    for (size_t i = 0; i < n && rc == EH_OK; i++)
        rc = add_node(t, setup->n ? setup->urls[i] : NULL, why);
    if (rc < 0) {
        top_nodes_free(t);
        return rc;
    }
    *ret = t;
    begin_round(t);
    return EH_OK;
}

void top_nodes_free(struct top_nodes *t)
{
    if (!t)
        return;
    timer_stop(&t->timer);
    for (size_t i = 0; i < t->n; i++) {
        fetch_free(t->nodes[i].fetch);
        target_free(t->nodes[i].target);
        buf_done(&t->nodes[i].name);
        buf_done(&t->nodes[i].fault);
    }
    free(t->nodes);
    free(t);
}

size_t top_nodes_count(const struct top_nodes *t)
{
    return t->n;
}

void top_nodes_rows(const struct top_nodes *t, struct top_row *ret_rows)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct node *node = &t->nodes[i];
        const char *fault = buf_used(&node->fault) ? buf_head(&node->fault) : NULL;

        ret_rows[i] = (struct top_row){
            .name = buf_head(&node->name),
            .fault = fault,
            .sample = node->has_sample ? &node->sample : NULL,
            .figures = node->has_figures ? &node->figures : NULL,
            .slow = node->slow,
            .refused = node->refused,
        };
    }
}

const struct top_reasons *top_nodes_refusals(const struct top_nodes *t)
{
    return &t->refusals;
}
