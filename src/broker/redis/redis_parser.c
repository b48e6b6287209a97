#include "broker/redis/redis_parser.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Small, because hiredis moves the unread bytes to the front each time it has read one KiB. */
#define SLICE     4096
#define BLOCK_MIN (16 * 1024)

#if HIREDIS_MAJOR < 1
typedef int array_size;
#else
typedef size_t array_size;
#endif

struct block {
    struct block *older;
    size_t used, cap;
    char bytes[];
};

struct redis_parser {
    redisReader *hiredis;
    struct block *newest; /* of the blocks that hold the current reply */
    bool is_whole;        /* the current reply is complete and was returned */
    size_t n_fed;         /* bytes fed since the last whole reply */
    size_t max;           /* of n_fed; 0: no limit */
};

/* ---- memory for one reply ---- */

static void *take(struct redis_parser *r, size_t n)
{
    struct block *b = r->newest;
    void *p;

    n = (n + 15) & ~(size_t)15;
    if (!b || b->cap - b->used < n) {
        size_t cap = b ? b->cap * 2 : BLOCK_MIN;

        if (cap < n)
            cap = n;
        b = mem_alloc(sizeof(*b) + cap);
        *b = (struct block){ .older = r->newest, .cap = cap };
        r->newest = b;
    }
    p = b->bytes + b->used;
    b->used += n;
    return p;
}

/* Keeps the oldest block, which is the smallest. */
static void forget(struct redis_parser *r)
{
    while (r->newest && r->newest->older) {
        struct block *b = r->newest;

        r->newest = b->older;
        free(b);
    }
    if (r->newest)
        r->newest->used = 0;
    r->is_whole = false;
}

/* ---- callbacks of hiredis: NULL ends the stream ---- */

/* Reports whether the reply is RESP2. hiredis 1 also parses RESP3, which we never ask Redis for. */
static bool is_resp2(const redisReadTask *task)
{
    switch (task->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
    case REDIS_REPLY_INTEGER:
    case REDIS_REPLY_ARRAY: return true;
    default: return false;
    }
}

static redisReply *make(const redisReadTask *task, int type)
{
    redisReply *reply = take(task->privdata, sizeof(*reply));

    *reply = (redisReply){ .type = type };
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t n)
{
    redisReply *reply;

    if (!is_resp2(task))
        return NULL;
    reply = make(task, task->type); /* STATUS and ERROR, too */
    reply->str = take(task->privdata, n + 1);
    memcpy(reply->str, text, n);
    reply->str[n] = '\0';
    reply->len = n;
    return reply;
}

static void *make_array(const redisReadTask *task, array_size n)
{
    redisReply *reply;
    int depth = 1;

    for (const redisReadTask *t = task->parent; t; t = t->parent)
        depth++; /* hiredis 1 does not limit it */
    if (n > REDIS_ARRAY_MAX || depth > REDIS_NESTING_MAX || !is_resp2(task))
        return NULL;
    reply = make(task, REDIS_REPLY_ARRAY);
    reply->elements = (size_t)n;
    reply->element = take(task->privdata, (size_t)n * sizeof(reply->element[0]));
    memset(reply->element, 0, (size_t)n * sizeof(reply->element[0]));
    return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = make(task, REDIS_REPLY_INTEGER);

    reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    /* In RESP2 nil is a string or an array of length -1. */
    return is_resp2(task) ? make(task, REDIS_REPLY_NIL) : NULL;
}

static void drop_nothing(void *reply)
{
    (void)reply; /* its memory belongs to the blocks */
}

#if HIREDIS_MAJOR >= 1 /* RESP3 */
static void *refuse_double(const redisReadTask *task, double value, char *text, size_t n)
{
    (void)task, (void)value, (void)text, (void)n;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)task, (void)value;
    return NULL;
}
#endif

static const redisReplyObjectFunctions functions = {
    .createString = make_string,
    .createArray = make_array,
    .createInteger = make_integer,
    .createNil = make_nil,
    .freeObject = drop_nothing,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
};

/* ---- what the owner calls ---- */

static void open(struct redis_parser *r)
{
    r->hiredis = redisReaderCreateWithFunctions((redisReplyObjectFunctions *)(uintptr_t)&functions);
    if (!r->hiredis)
        mem_exhausted("hiredis");
    r->hiredis->privdata = r;
}

struct redis_parser *redis_parser_create(void)
{
    struct redis_parser *r = mem_zalloc(sizeof(*r));

    open(r);
    return r;
}

void redis_parser_free(struct redis_parser *r)
{
    if (!r)
        return;
    redisReaderFree(r->hiredis);
    forget(r);
    free(r->newest);
    free(r);
}

void redis_parser_reset(struct redis_parser *r)
{
    redisReaderFree(r->hiredis);
    forget(r);
    r->n_fed = 0;
    open(r);
}

void redis_parser_limit(struct redis_parser *r, size_t bytes)
{
    r->max = bytes;
}

void redis_parser_feed(struct redis_parser *r, struct str *in)
{
    size_t n = in->n < SLICE ? in->n : SLICE;

    (void)redisReaderFeed(r->hiredis, in->p, n); /* redis_parser_next reports the error */
    r->n_fed += n;
    *in = str_skip(*in, n);
}

static bool is_too_long(const struct redis_parser *r)
{
    return r->max && r->n_fed > r->max;
}

int redis_parser_next(struct redis_parser *r, const struct redisReply **ret)
{
    void *reply = NULL;

    if (r->is_whole)
        forget(r);
    if (redisReaderGetReply(r->hiredis, &reply) != REDIS_OK || is_too_long(r))
        return EH_EINVAL;
    r->is_whole = reply != NULL;
    if (reply)
        r->n_fed = 0;
    *ret = reply;
    return EH_OK;
}

const char *redis_parser_why(const struct redis_parser *r)
{
    return is_too_long(r) ? "the reply is too long" : r->hiredis->errstr;
}
