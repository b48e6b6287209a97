#include "broker/redis_check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_check_steps.h"

#define CLEAN_MS 1000 /* more, after the deadline */

static void on_deadline(struct timer *t)
{
    struct redis_checker *k = container_of(t, struct redis_checker, deadline);

    if (k->next == checker_finish) {
        checker_finish(k);
        return;
    }
    redis_findings_add(&k->findings, FINDING_FAIL, "no answer in time: %s", k->doing);
    loop_timer(k->loop, &k->deadline, CLEAN_MS);
    checker_clean(k);
}

static void run(struct redis_checker *k)
{
    redis_scratch_init(&k->scratch, str_of(k->config->redis_prefix));
    timer_init(&k->deadline, on_deadline);
    loop_timer(k->loop, &k->deadline, k->config->timeout_ms + REDIS_CHECK_SPARE_MS);
    k->at = k->config->redis_hosts[0];
    checker_go(k, "a connection", redis_check_steps);
    k->plain = checker_connect(k, CHECKER_PLAIN);
    loop_run(k->loop);
    k->next = NULL; /* the links give their commands back */
    timer_stop(&k->deadline);
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
    struct redis_checker k = {
        .config = config,
        .findings = { .report = report, .owner = owner },
        .metrics = mem_zalloc(sizeof(*k.metrics)),
    };

    if (loop_create(&k.loop) == EH_OK && mailbox_create(k.loop, &k, &k.inbox) == EH_OK)
        run(&k);
    else
        redis_findings_add(&k.findings, FINDING_FAIL, "cannot create an event loop");
    done(&k);
    return k.findings.n_failures == 0;
}
