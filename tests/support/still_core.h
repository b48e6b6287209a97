/* still_core.h - a core whose loop does not run: for tests of what lies between the engines and the
 * workers. The engine is the test's own; the mailbox is the broker's and the workers'.
 */
#ifndef EH_TESTS_STILL_CORE_H
#define EH_TESTS_STILL_CORE_H

#include "broker/core.h"

static inline void still_core_open(struct core *core, const struct engine_ops *ops, void *engine,
                                   struct metrics_cell *metrics)
{
    assert_int_equal(loop_create(&core->loop), EH_OK);
    assert_int_equal(mailbox_create(core->loop, NULL, &core->inbox), EH_OK);
    (void)pthread_mutex_init(&core->shared_lock, NULL);
    core->config.cache = true;
    core->config.metrics = metrics;
    core->ops = ops;
    core->engine = engine;
}

static inline void still_core_close(struct core *core)
{
    mailbox_free(core->inbox);
    loop_free(core->loop);
    (void)pthread_mutex_destroy(&core->shared_lock);
}

#endif
