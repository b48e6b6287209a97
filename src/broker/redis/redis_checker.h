/* redis_checker.h - what the steps of redis_check share: the connections, the replies that a step
 * waits for, and the end of the check.
 * Thread:  the one that runs the loop.
 * Owns:    the connections, until redis_check frees them.
 * A step:  sends commands and names the next step, which runs when all replies have arrived. A
 *          connection that fails ends the check with that failure.
 */
#ifndef EH_BROKER_REDIS_CHECKER_H
#define EH_BROKER_REDIS_CHECKER_H

#include "broker/config.h"
#include "broker/redis/redis_findings.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_scratch.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct redis_checker;
typedef void checker_step_fn(struct redis_checker *k);
typedef void checker_done_fn(void *owner, void *arg, enum redis_fate fate,
                             const struct redisReply *reply);

struct redis_checker {
    const struct broker_config *config;
    struct redis_findings findings;
    struct metrics_cell *metrics;
    struct loop *loop;
    struct mailbox *inbox;
    struct timer deadline;
    const char *doing; /* what to report if the deadline passes */
    struct redis_endpoint at;
    struct redis_link *plain, *feed, *scripts;
    size_t n_waiting;      /* replies and connections that the step waits for */
    checker_step_fn *next; /* runs when nothing is awaited; NULL: the check is over */

    struct redis_info info;
    uint64_t asked_ms;   /* when TIME was sent, by the wall clock */
    size_t script;       /* the next one to run */
    uint64_t sent_us;    /* when publish.lua was sent */
    uint64_t arrived_us; /* when its message arrived; 0: not yet */
    struct redis_scratch scratch;
};

/* Sets the next step, and a description of what the check waits for. It is reported if the wait is
 * too long. */
void checker_go(struct redis_checker *k, const char *doing, checker_step_fn *next);
/* Runs the next step if the current one waits for nothing. Called at the end of each callback. */
void checker_advance(struct redis_checker *k);
/* Deletes the keys and ends the check, now or when Redis has answered. */
void checker_clean(struct redis_checker *k);
void checker_finish(struct redis_checker *k); /* ends it now */

/* Sends a command; checker_take must be the first thing that fn does. */
void checker_ask(struct redis_checker *k, struct redis_link *l, struct redis_command *c,
                 checker_done_fn *fn, void *arg);
/* Counts a reply. Returns false if there is no reply or it is an error; if `right` is not NULL, the
 * error has then been reported. */
bool checker_take(struct redis_checker *k, enum redis_fate fate, const struct redisReply *reply,
                  const char *right);

enum checker_link { CHECKER_PLAIN, CHECKER_FEED, CHECKER_SCRIPTS };
/* Starts a connection; the step waits for it. */
struct redis_link *checker_connect(struct redis_checker *k, enum checker_link kind);

#endif
