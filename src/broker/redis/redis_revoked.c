/* redis_revoked.c - how a node learns of tokens that were revoked elsewhere.
 *
 * The node that revokes a token writes it to Redis first, and then asks all workers of all nodes to
 * end the connections (app/http/api_revoke.c). The question may not reach a node: it hangs, it has
 * lost Redis, it is just starting. So each node also reads. Every change in Redis has a number
 * (revoke.lua), and a node asks for those above the last number that it knows:
 *
 *     joined      read from 0: 17 18, 21      all entries; what only this node has is written back
 *     2 s later   read from 21: nothing
 *     ...         read from 21: 25            the workers see the change within a second
 *
 * Entries are only ever added, and of two with the same name the later times count. So it does not
 * matter in which order a node learns of them, or how often. That is also why a node may write back
 * what Redis does not have: Redis was emptied, an older replica took over, or a key was evicted. It
 * knows these entries by their mark: each full read gives another mark to all that it finds.
 *
 * Redis forgets entries that have ended. A node does so by its own clock.
 */
#include "broker/redis/redis_revoked.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_revoked_reply.h"

struct redis_revoked {
    struct redis_pool *pool;
    uint64_t known; /* the number of the last change that was read; 0: read all */
    uint64_t from;  /* of the page that is read */
    uint32_t mark;  /* of the last full read */
    bool reads_all; /* the read under way began with the first change */
    bool is_due;    /* a read is to begin */
    uintptr_t run;  /* numbers the reads; 0: none is under way */
    uintptr_t n_runs;
    unsigned ticks;
    struct buf texts;
};

static void on_page(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply);

static bool send(struct redis_revoked *r, struct redis_command *c,
                 void (*fn)(void *, void *, enum redis_fate, const struct redisReply *))
{
    struct redis_link *link = redis_pool_pick(r->pool);

    if (!link || !redis_feed_is_joined(r->pool->feed))
        return false;
    redis_link_send(link, c, (struct redis_done){ fn, r, (void *)r->run, 0 });
    return true;
}

static void end(struct redis_revoked *r, bool is_done)
{
    r->run = 0;
    r->is_due = !is_done;
}

static void read_page(struct redis_revoked *r)
{
    struct redis_command c;

    redis_command_revoked(&c, &r->pool->names, r->from);
    if (!send(r, &c, on_page))
        end(r, false);
}

static void begin(struct redis_revoked *r)
{
    r->run = ++r->n_runs;
    r->reads_all = r->known == 0;
    r->mark += r->reads_all;
    r->from = r->known;
    read_page(r);
}

/* ---- writing back ---- */

static void write_back(struct redis_revoked *r);

static void on_written(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_revoked *r = owner;
    bool is_full;

    if ((uintptr_t)arg != r->run)
        return;
    if (fate == REDIS_ANSWERED && redis_revoke_reply(reply, &is_full) == EH_OK && !is_full)
        write_back(r);
    else
        end(r, true); /* the next full read finds them again */
}

static void write_back(struct redis_revoked *r)
{
    struct revocation lost[REDIS_REVOKE_MAX];
    size_t n = revoked_take_unmarked(r->pool->config->revoked, r->mark, clock_wall_ms(), lost,
                                     REDIS_REVOKE_MAX, &r->texts);
    struct redis_command c;

    if (n)
        redis_command_revoke(&c, &r->pool->names, lost, n);
    if (!n || !send(r, &c, on_written))
        end(r, true);
}

/* ---- reading ---- */

/* Redis may keep entries that have ended for long: only a revocation removes them there. */
static int take_entry(struct redis_revoked *r, const struct redisReply *reply, size_t i)
{
    struct revocation entry;

    EH_TRY(redis_revoked_entry(reply, i, &entry));
    if (entry.until_ms <= clock_wall_ms())
        return EH_OK;
    return revoked_add(r->pool->config->revoked, &entry, r->mark);
}

static int take(struct redis_revoked *r, const struct redisReply *reply,
                struct redis_revoked_page *page)
{
    size_t n_bad = 0;

    EH_TRY(redis_revoked_reply(reply, page));
    for (size_t i = 0; i < page->n; i++) {
        if (take_entry(r, reply, i) < 0)
            n_bad++;
    }
    if (n_bad)
        log_error("revoked_unreadable", LOG_N("entries", n_bad),
                  LOG_Z("why", "not as eventhub writes them, or too many"));
    return EH_OK;
}

static void on_page(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_revoked *r = owner;
    struct redis_revoked_page page;

    if ((uintptr_t)arg != r->run)
        return; /* the feed has joined again since */
    if (fate != REDIS_ANSWERED || redis_reply_is_error(reply)) {
        end(r, false);
        if (fate == REDIS_ANSWERED)
            redis_pool_on_refusal(r->pool, reply);
        return;
    }
    if (take(r, reply, &page) < 0) {
        if (redis_status_is_new_problem(&r->pool->status, "invalid list of revoked tokens"))
            log_error("redis_revoked_invalid", LOG_END);
        r->known = 0;
        end(r, true); /* until the next read */
        return;
    }
    if (page.next) {
        r->from = page.next;
        read_page(r);
        return;
    }
    if (page.last < r->known) { /* Redis has lost the last changes */
        r->known = 0;
        begin(r);
        return;
    }
    r->known = page.last;
    if (r->reads_all)
        write_back(r);
    else
        end(r, true);
}

/* ---- what the owner calls ---- */

void redis_revoked_on_joined(struct redis_revoked *r)
{
    r->known = 0;
    begin(r);
}

void redis_revoked_on_tick(struct redis_revoked *r)
{
    r->ticks++;
    if (r->ticks % REDIS_REVOKED_FULL_S == 0)
        r->known = 0;
    r->is_due |= r->ticks % BROKER_REVOKED_S == 0;
    if (r->is_due && !r->run && redis_feed_is_joined(r->pool->feed)) {
        r->is_due = false;
        begin(r);
    }
}

struct redis_revoked *redis_revoked_create(struct redis_pool *pool)
{
    struct redis_revoked *r = mem_zalloc(sizeof(*r));

    r->pool = pool;
    return r;
}

void redis_revoked_free(struct redis_revoked *r)
{
    buf_done(&r->texts);
    free(r);
}
