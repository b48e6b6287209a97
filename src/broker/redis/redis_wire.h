/* redis_wire.h - one connection: writes requests, reads replies, and watches the time.
 * Thread:  the broker's.
 * Owns:    the socket, the parser and the pipeline. It is part of its link's struct.
 * Time:    connecting (TCP and TLS) takes at most a second, and at most timeout_ms. A request that
 *          is not answered within timeout_ms ends the connection. The deadlines of requests are
 *          checked even without a connection, for refused ones (redis_pipeline.h).
 * Fails:   by on_end, once. The link then calls redis_wire_close.
 */
#ifndef EH_BROKER_REDIS_WIRE_H
#define EH_BROKER_REDIS_WIRE_H

#include "broker/redis/redis_dial.h"
#include "broker/redis/redis_pipeline.h"
#include "net/stream.h"

struct redis_parser;
struct redisReply;
struct tls;

struct redis_wire_events {
    void (*on_answer)(void *owner, struct redis_request *rq, const struct redisReply *reply);
    /* A published message, which answers no request; an answer that is not the last of its request;
     * or one that was not expected. */
    void (*on_push)(void *owner, const struct redisReply *reply);
    void (*on_end)(void *owner, const char *why);
    void (*on_room)(void *owner);    /* redis_wire_has_room has become true again */
    void (*on_checked)(void *owner); /* deadlines were checked: some may have passed */
};

struct redis_wire {
    struct loop *loop;
    const struct redis_wire_events *events;
    void *owner;
    bool takes_pushes; /* set by the link. Without it, a reply to no request ends the connection */
    size_t reply_max;  /* set by the link: bytes of one reply; 0: no limit */
    struct stream stream;
    struct redis_parser *parser;
    struct redis_pipeline pipeline;
    struct timer connecting; /* ends the attempt */
    struct timer check;      /* runs at check_ms */
    uint64_t check_ms;       /* when to check the pipeline */
    bool had_room;
};

void redis_wire_init(struct redis_wire *w, struct loop *lp, uint64_t timeout_ms,
                     const struct redis_wire_events *events, void *owner);
void redis_wire_done(struct redis_wire *w); /* gives all requests back; calls no event */
void redis_wire_reap(struct redis_wire *w); /* at the end of the turn */

/* Starts to connect to the next address of the dial. Requests may be written at once. EH_EIO:
 * errno. tls NULL: plain; host: the name in its certificate. */
int redis_wire_connect(struct redis_wire *w, struct redis_dial *dial, struct tls *tls,
                       const char *host) EH_MUST_USE;
/* Gives back what was sent (redis_pipeline_lose). */
void redis_wire_close(struct redis_wire *w);

void redis_wire_write(struct redis_wire *w, struct redis_request *rq);
bool redis_wire_has_room(const struct redis_wire *w); /* not too many bytes are unsent */

#endif
