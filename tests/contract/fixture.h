/* fixture.h - the start of every contract test, an empty engine, and the questions that most tests
 * ask.
 * Thread:  the main thread's; one test at a time.
 */
#ifndef EH_TESTS_FIXTURE_H
#define EH_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "contract/node.h"
#include "support/redis_server.h"

struct fixture {
    struct broker_config config; /* the test's; change it before fixture_node */
    struct redis_endpoint at;    /* of `redis`; the configuration points to it */
    struct redis_server *redis;  /* NULL: the memory engine */
    struct node *nodes[2];
    char prefix[32];
};

/* The groups of tests; each returns how many failed. */
int batch_cases(struct fixture *f);
int feed_cases(struct fixture *f);
int gap_cases(struct fixture *f);
int log_cases(struct fixture *f);
int page_cases(struct fixture *f);
int kv_cases(struct fixture *f);
int latest_cases(struct fixture *f);
int length_cases(struct fixture *f);
int limit_cases(struct fixture *f);
int list_cases(struct fixture *f);
int presence_cases(struct fixture *f);
int revoke_cases(struct fixture *f);
int purge_cases(struct fixture *f);
int want_cases(struct fixture *f);
int redis_cases(struct fixture *f);

int fixture_setup(void **state);    /* an empty engine, a new prefix, the default configuration */
int fixture_teardown(void **state); /* frees the nodes */
/* A cmocka_unit_test with set-up and tear-down; f is the group's fixture. */
#define FIXTURE_TEST(fn, f)                                                                        \
    cmocka_unit_test_prestate_setup_teardown(fn, fixture_setup, fixture_teardown, f)

/* Starts a node and waits until it is ready; freed after the test. At most two. Its workers want all
 * messages, or nothing yet. */
struct node *fixture_node(struct fixture *f);
struct node *fixture_idle_node(struct fixture *f);

/* The answer to a question, read page by page: `complete` is that of the first page; the items are
 * references, oldest first, at most ARRAY_LEN(items). It asks with a timeout, as an eventlog does:
 * the last live messages in memory never answer it. */
struct history {
    size_t n;
    size_t pages;
    bool complete;
    struct msgid snapshot_end;
    struct message *items[4096];
};
void history_read(struct node *n, struct broker_history question, struct history *ret);
void history_done(struct history *h);

/* Asserts that the history of `question` is exactly these ids, in this order. Returns whether it is
 * complete. */
bool history_is(struct node *n, struct broker_history question, const struct msgid *ids,
                size_t count);

#endif
