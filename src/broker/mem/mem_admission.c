#include "broker/mem/mem_admission.h"

#include <inttypes.h>

static struct str once_name(struct mem_admission *a, const struct broker_publish *p)
{
    buf_clear(&a->name);
    buf_add_str(&a->name, p->topic);
    buf_add_char(&a->name, ':'); /* no topic contains one */
    buf_add_str(&a->name, p->key);
    return buf_str(&a->name);
}

static struct str count_name(struct mem_admission *a, const struct broker_publish *p)
{
    buf_clear(&a->name);
    buf_addf(&a->name, "%" PRIu32 ":", p->limit.interval_s);
    buf_add_str(&a->name, p->limit.topic);
    buf_add_str(&a->name, p->origin_json); /* begins with a quote */
    return buf_str(&a->name);
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

static bool is_repeated(struct mem_admission *a, struct broker_publish *p, uint64_t now_ms)
{
    const struct mem_item *first = mem_table_get(&a->once, once_name(a, p), now_ms);

    if (!first)
        return false;
    memcpy(&p->ret_id, first->value.p, sizeof(p->ret_id));
    p->ret_repeated = true;
    return true;
}

static bool is_limited(struct mem_admission *a, struct broker_publish *p, uint64_t now_ms)
{
    const struct mem_item *item = mem_table_get(&a->counts, count_name(a, p), now_ms);

    if (count_of(item) < p->limit.max)
        return false;
    p->ret_retry_ms = item ? item->expiry.at - now_ms : (uint64_t)p->limit.interval_s * 1000;
    return true;
}

static bool has_room(struct mem_admission *a, const struct broker_publish *p, uint64_t now_ms)
{
    if (has_key(p) && !mem_table_has_room(&a->once, once_name(a, p), sizeof(struct msgid), now_ms))
        return false;
    return !has_limit(p) ||
           mem_table_has_room(&a->counts, count_name(a, p), sizeof(uint64_t), now_ms);
}

bool mem_admission_stops(struct mem_admission *a, struct broker_publish *p, uint64_t now_ms,
                         enum broker_status *ret_status)
{
    p->ret_repeated = false;
    if (has_key(p) && is_repeated(a, p, now_ms))
        *ret_status = BROKER_DONE;
    else if (has_limit(p) && is_limited(a, p, now_ms))
        *ret_status = BROKER_LIMITED;
    else if (!has_room(a, p, now_ms))
        *ret_status = BROKER_FULL;
    else
        return false;
    return true;
}

bool mem_admission_note(struct mem_admission *a, const struct broker_publish *p, uint64_t now_ms)
{
    if (has_key(p)) {
        struct str id = str_make((const char *)&p->ret_id, sizeof(p->ret_id));

        mem_table_set(&a->once, once_name(a, p), id, mem_expiry_after(now_ms, BROKER_KEY_S));
    }
    if (has_limit(p)) { /* an interval begins with the first publish that it counts */
        struct str name = count_name(a, p);
        const struct mem_item *item = mem_table_get(&a->counts, name, now_ms);
        uint64_t count = count_of(item) + 1;
        uint64_t expires = item ? item->expiry.at : mem_expiry_after(now_ms, p->limit.interval_s);

        mem_table_set(&a->counts, name, str_make((const char *)&count, sizeof(count)), expires);
    }
    return has_key(p) || has_limit(p);
}

uint64_t mem_admission_bytes(const struct mem_admission *a)
{
    return a->once.bytes + a->counts.bytes;
}

bool mem_admission_expire(struct mem_admission *a, uint64_t now_ms, size_t max)
{
    bool has_more = mem_table_expire(&a->once, now_ms, max);

    return mem_table_expire(&a->counts, now_ms, max) || has_more;
}

void mem_admission_init(struct mem_admission *a, uint64_t memory)
{
    *a = (struct mem_admission){ 0 };
    mem_table_init(&a->once, memory / 2);
    mem_table_init(&a->counts, memory / 2);
}

void mem_admission_done(struct mem_admission *a)
{
    mem_table_done(&a->once);
    mem_table_done(&a->counts);
    buf_done(&a->name);
}
