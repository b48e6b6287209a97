/* session.h - a WebSocket with JSON-RPC to a target: calls and their answers, subscriptions and
 * their messages; connects again if asked to.
 *
 * Connecting: the first connection must succeed, or on_end comes. With `reconnect`, a connection
 *          that ends later is made again, after a wait with back-off and jitter (backoff.h). A
 *          refusal that waiting cannot fix (401, 403, 404) ends it for good.
 * Calls:   each is answered exactly once, by the server, by its timeout or by the loss of the
 *          connection (`state`); then on_lost or on_end follows, which says why. Calls may be made
 *          from on_open on, not while the connection is lost.
 * Alive:   pings are answered. After 15 s of silence it pings, and after the target's timeout more
 *          the connection counts as lost.
 * Bounds:  a message of at most LINK_MESSAGE_MAX bytes and two million JSON values;
 *          SESSION_CALLS_MAX calls in flight and SESSION_QUEUE_MAX bytes to send: see
 *          session_has_room; on_room comes when there is room again. Calls beyond that are
 *          accepted, so check before each one.
 * Thread:  its loop's. Owns its connection, and calls until they are answered.
 * Lives:   session_free may be called from any of its callbacks.
 */
#ifndef EH_CTL_SESSION_H
#define EH_CTL_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/link/session_answer.h"
#include "ctl/link/ws_link.h"

#define SESSION_QUEUE_MAX (1024 * 1024)
#define SESSION_CALLS_MAX 256 /* the server reads no more while so many are unanswered */

struct runtime;
struct session;
struct target;

typedef void session_answer_fn(const struct session_answer *answer, void *arg);
/* A message of a subscription, or {"action":"gap",...}; borrowed. */
typedef void session_message_fn(json_t *result, void *arg);

struct session_events {
    void (*on_open)(void *arg, bool again); /* again: it had been connected before */
    /* Each text that the server sends, before it is parsed. True: it is done with, so that a user
     * who recognizes its messages need not pay for a tree of each. May be NULL. */
    bool (*on_text)(void *arg, struct str text);
    /* The connection was lost and is made again in wait_ms. Calls were answered with SESSION_LOST
     * before, and subscriptions are gone. status and why are as for on_end. */
    void (*on_lost)(void *arg, int status, const char *why, uint64_t wait_ms); /* may be NULL */
    /* There is and will be no connection. status: CTL_NO_CONNECTION, CTL_NOT_PERMITTED, CTL_USAGE
     * (the token file), CTL_NEGATIVE (a message was too large for the server). */
    void (*on_end)(void *arg, int status, const char *why);
    void (*on_room)(void *arg);   /* may be NULL */
    void (*on_closed)(void *arg); /* session_close is done; may be NULL */
};

struct session_setup {
    const struct target *target;
    bool reconnect;
    const struct session_events *events;
    void *arg;
};

/* Starts to connect. No callback comes before this returns. */
struct session *session_create(struct runtime *rt, const struct session_setup *setup);
void session_free(struct session *s); /* closes at once; NULL is fine. Calls are not answered */
/* Sends what is queued, then a Close, and waits for the server's, for at most a second; on_closed
 * follows. */
void session_close(struct session *s);

bool session_is_open(const struct session *s);
bool session_has_room(const struct session *s);

/* Makes a call. Takes the reference to params (NULL: none). `fn` is called once, later. */
void session_call(struct session *s, const char *method, json_t *params, session_answer_fn *fn,
                  void *arg);
/* Calls `subscribe`; after its answer, on_message comes for each message until the connection is
 * lost. */
void session_subscribe(struct session *s, json_t *params, session_answer_fn *fn,
                       session_message_fn *on_message, void *arg);

#endif
