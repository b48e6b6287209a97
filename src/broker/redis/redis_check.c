/* redis_check.c - finds the master as a server does (redis_source), connects, and runs the steps.
 *
 * With REDIS_CLUSTER=auto only the first connection shows that REDIS_HOST is a node of a cluster.
 * Then the source asks for the owner of our slot, and the check moves there:
 *
 *     REDIS_HOST --connect--> INFO: a cluster --CLUSTER SLOTS--> the owner --connect--> steps
 */
#include "broker/redis_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_check_steps.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_slots.h"
#include "broker/redis/redis_source.h"

#define CLEAN_MS 1000 /* more, after the deadline */
#define WHY_MAX  160

struct check {
    struct redis_checker checker;
    struct redis_source *source;
    struct redis_endpoint master; /* host "": not known yet */
    struct timer located;         /* runs when the source has asked the cluster */
    bool is_locating;             /* the source asks the cluster */
    bool has_located;
    char why[WHY_MAX]; /* the last failure of the source; "": none */
};

static struct check *check_of(struct redis_checker *k)
{
    return container_of(k, struct check, checker);
}

/* ---- the master ---- */

static bool is_cluster(const struct check *c)
{
    const struct broker_config *config = c->checker.config;

    return c->has_located || config->redis_cluster == REDIS_CLUSTER_YES ||
           config->n_redis_hosts > 1;
}

/* Reports how the master was found, unless it is just the one in REDIS_HOST. */
static void report_source(struct check *c)
{
    struct redis_checker *k = &c->checker;
    char place[REDIS_ENDPOINT_TEXT];
    struct buf key = { 0 };

    redis_endpoint_format(&k->at, place);
    if (k->config->n_redis_sentinels > 0) {
        redis_findings_add(&k->findings, FINDING_OK, "Sentinels: the master of \"%s\" is %s",
                           k->config->redis_sentinel_master, place);
    } else if (is_cluster(c)) {
        keys_add(&key, str_of(k->config->redis_prefix), STR("id"));
        redis_findings_add(&k->findings, FINDING_OK, "Cluster: the keys are in slot %u, on %s",
                           redis_slot_of(buf_str(&key)), place);
        buf_done(&key);
    }
}

static void on_connected(struct redis_checker *k)
{
    struct check *c = check_of(k);
    const struct redis_info *info = redis_link_info(k->plain);

    if (info && info->cluster_enabled == 1 && !is_cluster(c) &&
        k->config->redis_cluster == REDIS_CLUSTER_AUTO && k->config->n_redis_sentinels == 0) {
        checker_go(k, "the nodes of the cluster", on_connected);
        k->n_waiting++;
        c->is_locating = c->has_located = true;
        redis_source_on_cluster(c->source);
        return;
    }
    report_source(c);
    redis_check_steps(k);
}

static void connect_to_master(struct check *c)
{
    struct redis_checker *k = &c->checker;

    redis_link_free(k->plain);
    k->at = c->master;
    k->n_waiting = 0;
    checker_go(k, "a connection", on_connected);
    k->plain = checker_connect(k, CHECKER_PLAIN);
}

static void on_located(struct timer *t)
{
    struct check *c = container_of(t, struct check, located);
    struct redis_checker *k = &c->checker;

    c->is_locating = false;
    if (!redis_endpoint_equal(&k->at, &c->master)) {
        connect_to_master(c);
        return;
    }
    k->n_waiting--;
    checker_advance(k);
}

static void on_master(void *owner, const struct redis_endpoint *master)
{
    struct check *c = owner;

    c->master = *master;
    if (!c->checker.plain && c->checker.next)
        connect_to_master(c);
}

static void on_success(void *owner)
{
    struct check *c = owner;

    c->why[0] = '\0';
    if (c->is_locating)
        loop_timer(c->checker.loop, &c->located, 0); /* on_master may follow */
}

static void on_failure(void *owner, const char *why)
{
    struct check *c = owner;
    struct redis_checker *k = &c->checker;

    (void)snprintf(c->why, sizeof(c->why), "%s", why);
    if (!c->is_locating)
        return; /* the source asks again, until the deadline */
    redis_findings_add(&k->findings, FINDING_FAIL, "Cluster: %s", why);
    loop_timer(k->loop, &c->located, 0);
}

static const struct redis_source_events source_events = {
    .on_master = on_master,
    .on_failure = on_failure,
    .on_success = on_success,
};

/* ---- begin and end ---- */

static void on_deadline(struct timer *t)
{
    struct redis_checker *k = container_of(t, struct redis_checker, deadline);
    const char *why = check_of(k)->why;

    if (k->next == checker_finish) {
        checker_finish(k);
        return;
    }
    redis_findings_add(&k->findings, FINDING_FAIL, "no answer in time: %s%s%s", k->doing,
                       why[0] ? ": " : "", why);
    loop_timer(k->loop, &k->deadline, CLEAN_MS);
    checker_clean(k);
}

static void run(struct check *c)
{
    struct redis_checker *k = &c->checker;
    const struct redis_source_config source = {
        .loop = k->loop,
        .inbox = k->inbox,
        .broker = k->config,
        .events = &source_events,
        .owner = c,
    };

    redis_scratch_init(&k->scratch, str_of(k->config->redis_prefix));
    timer_init(&c->located, on_located);
    timer_init(&k->deadline, on_deadline);
    loop_timer(k->loop, &k->deadline, k->config->timeout_ms + REDIS_CHECK_SPARE_MS);
    checker_go(k, "the address of the master", on_connected);
    c->source = redis_source_create(&source);
    loop_run(k->loop);
    k->next = NULL; /* the links give their commands back */
    timer_stop(&k->deadline);
    timer_stop(&c->located);
    redis_source_free(c->source);
    redis_link_free(k->plain);
    redis_link_free(k->feed);
    redis_link_free(k->scripts);
}

static void done(struct redis_checker *k)
{
    redis_scratch_done(&k->scratch);
    while (k->inbox && mailbox_drain(k->inbox))
        ; /* late answers of the resolver */
    mailbox_free(k->inbox);
    loop_free(k->loop);
    free(k->metrics);
}

bool redis_check(const struct broker_config *config, finding_fn *report, void *owner)
{
    struct check c = { 0 };
    struct redis_checker *k = &c.checker;
    struct broker_config own = *config;

    own.metrics = k->metrics = mem_zalloc(sizeof(*k->metrics));
    k->config = &own;
    k->findings = (struct redis_findings){ .report = report, .owner = owner };
    if (loop_create(&k->loop) == EH_OK && mailbox_create(k->loop, k, &k->inbox) == EH_OK)
        run(&c);
    else
        redis_findings_add(&k->findings, FINDING_FAIL, "cannot create an event loop");
    done(k);
    return k->findings.n_failures == 0;
}
