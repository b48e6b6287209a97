#include "broker/mem/mem_admission.h"

#include <inttypes.h>

static struct str once_name(struct mem_admission *g, const struct broker_publish *p)
{
    buf_clear(&g->name);
    buf_add_str(&g->name, p->topic);
    buf_add_char(&g->name, ':'); /* no topic has one in it */
    buf_add_str(&g->name, p->key);
    return buf_str(&g->name);
}

static struct str count_name(struct mem_admission *g, const struct broker_publish *p)
{
    buf_clear(&g->name);
    buf_addf(&g->name, "%" PRIu32 ":", p->limit.interval_s);
    buf_add_str(&g->name, p->limit.topic);
    buf_add_str(&g->name, p->origin_json); /* begins with a quote */
    return buf_str(&g->name);
}

static bool has_key(const struct broker_publish *p)
{
    return p->key.n > 0;
}

static bool has_limit(const struct broker_publish *p)
{
    return p->limit.topic.n > 0;
}

static uint64_t count_of(const struct mem_item *item)
{
    uint64_t count = 0;

    if (item)
        memcpy(&count, item->value.p, sizeof(count));
    return count;
}

static bool is_repeated(struct mem_admission *g, struct broker_publish *p, uint64_t now_ms)
{
    const struct mem_item *first = mem_table_get(&g->once, once_name(g, p), now_ms);

    if (!first)
        return false;
    memcpy(&p->ret_id, first->value.p, sizeof(p->ret_id));
    p->ret_repeated = true;
    return true;
}

static bool is_limited(struct mem_admission *g, struct broker_publish *p, uint64_t now_ms)
{
    const struct mem_item *item = mem_table_get(&g->counts, count_name(g, p), now_ms);

    if (count_of(item) < p->limit.max)
        return false;
    p->ret_retry_ms = item ? item->expiry.at - now_ms : (uint64_t)p->limit.interval_s * 1000;
    return true;
}

static bool has_room(struct mem_admission *g, const struct broker_publish *p, uint64_t now_ms)
{
    if (has_key(p) && !mem_table_has_room(&g->once, once_name(g, p), sizeof(struct msgid), now_ms))
        return false;
    return !has_limit(p) ||
           mem_table_has_room(&g->counts, count_name(g, p), sizeof(uint64_t), now_ms);
}

bool mem_admission_stops(struct mem_admission *g, struct broker_publish *p, uint64_t now_ms,
                         enum broker_status *ret_status)
{
    p->ret_repeated = false;
    if (has_key(p) && is_repeated(g, p, now_ms))
        *ret_status = BROKER_DONE;
    else if (has_limit(p) && is_limited(g, p, now_ms))
        *ret_status = BROKER_LIMITED;
    else if (!has_room(g, p, now_ms))
        *ret_status = BROKER_FULL;
    else
        return false;
    return true;
}

static void note_key(struct mem_admission *g, const struct broker_publish *p, uint64_t now_ms)
{
    struct str id = str_make((const char *)&p->ret_id, sizeof(p->ret_id));

    mem_table_set(&g->once, once_name(g, p), id, mem_expiry_after(now_ms, BROKER_KEY_S));
}

/* The interval begins with the first one counted. */
static void count_one(struct mem_admission *g, const struct broker_publish *p, uint64_t now_ms)
{
    struct str name = count_name(g, p);
    const struct mem_item *item = mem_table_get(&g->counts, name, now_ms);
    uint64_t count = count_of(item) + 1;
    uint64_t expires = item ? item->expiry.at : mem_expiry_after(now_ms, p->limit.interval_s);

    mem_table_set(&g->counts, name, str_make((const char *)&count, sizeof(count)), expires);
}

bool mem_admission_note(struct mem_admission *g, const struct broker_publish *p, uint64_t now_ms)
{
    if (has_key(p))
        note_key(g, p, now_ms);
    if (has_limit(p))
        count_one(g, p, now_ms);
    return has_key(p) || has_limit(p);
}

uint64_t mem_admission_bytes(const struct mem_admission *g)
{
    return g->once.bytes + g->counts.bytes;
}

bool mem_admission_expire(struct mem_admission *g, uint64_t now_ms, size_t max)
{
    bool has_more = mem_table_expire(&g->once, now_ms, max);

    return mem_table_expire(&g->counts, now_ms, max) || has_more;
}

void mem_admission_init(struct mem_admission *g, uint64_t memory)
{
    *g = (struct mem_admission){ 0 };
    mem_table_init(&g->once, memory / 2);
    mem_table_init(&g->counts, memory / 2);
}

void mem_admission_done(struct mem_admission *g)
{
    mem_table_done(&g->once);
    mem_table_done(&g->counts);
    buf_done(&g->name);
}
