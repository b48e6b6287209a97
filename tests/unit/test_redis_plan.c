/* A plan against a model of the log: whatever happens between two questions, its pages are the log
 * up to the snapshot end, or tell a gap in the place of what is missing.
 */
#include "broker/redis/redis_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "broker/interest.h"
#include "broker/redis/redis_plans.h"
#include "hub/topic.h"

#define TOPICS_MAX  900 /* more than four chunks */
#define ENTRIES_MAX 4000

/* ---- the model ---- */

struct entry {
    uint64_t id;
    size_t topic;
    bool is_gone; /* from the log */
    bool is_lost; /* it did not expire */
};

static struct model {
    size_t n_topics;
    struct entry entries[ENTRIES_MAX]; /* by id */
    size_t n;
    uint64_t last;                   /* id */
    uint64_t log_start;              /* of all topics together */
    uint64_t log_starts[TOPICS_MAX]; /* of each; 0: none */
    uint64_t recent[TOPICS_MAX];     /* the last id of each; 0: none */
    uint32_t seed;
    uint32_t expires; /* one entry in so many, when it is read; 0: none */
    size_t questions;
    bool is_interrupted; /* Redis lost messages, which interrupts the feed */
} model;

static uint32_t draw(uint32_t below)
{
    model.seed = model.seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)model.seed * below) >> 32);
}

static bool one_in(uint32_t n)
{
    return n && draw(n) == 0;
}

static char texts[TOPICS_MAX][9];

/* Half of the names are matched by room/+. */
static void set_names(void)
{
    for (unsigned i = 0; i < TOPICS_MAX; i++)
        (void)snprintf(texts[i], sizeof(texts[i]), i % 2 ? "hall/%03u" : "room/%03u", i % 1000);
}

static struct str name_of(size_t topic)
{
    return str_of(texts[topic]);
}

static size_t topic_of(struct str name)
{
    uint64_t topic;

    assert_int_equal(str_parse_u64(str_skip(name, strlen("room/")), &topic), EH_OK);
    assert_true(topic < model.n_topics && str_eq(name_of(topic), name));
    return topic;
}

static struct msgid msgid_of(uint64_t id)
{
    return (struct msgid){ id, 0 };
}

static void publish(void)
{
    size_t topic = draw((uint32_t)model.n_topics);

    if (model.n == ENTRIES_MAX)
        return;
    model.last += 1 + draw(3);
    model.entries[model.n++] = (struct entry){ .id = model.last, .topic = topic };
    model.recent[topic] = model.last;
}

static void lose(struct entry *e)
{
    e->is_lost = e->is_lost || !e->is_gone;
    e->is_gone = true;
}

/* MAX_CACHE_LENGTH removes what a topic had up to some id. */
static void trim(size_t topic)
{
    uint64_t upto = 1 + draw((uint32_t)model.last);

    for (size_t i = 0; i < model.n && model.entries[i].id <= upto; i++) {
        if (model.entries[i].topic == topic && !model.entries[i].is_gone) {
            lose(&model.entries[i]);
            model.log_starts[topic] = model.entries[i].id;
        }
    }
}

/* Redis loses everything up to some id. */
static void lose_all(void)
{
    uint64_t upto = 1 + draw((uint32_t)model.last);

    model.log_start = upto > model.log_start ? upto : model.log_start;
    for (size_t i = 0; i < model.n && model.entries[i].id <= model.log_start; i++)
        lose(&model.entries[i]);
    model.is_interrupted = true;
}

/* ---- how it answers ---- */

static void add_name(struct redis_answer *a, size_t topic)
{
    a->names[a->n_names++] = name_of(topic);
}

/* In the order of ids, from the one after `at` on. */
static void answer_names(const struct redis_reading *r, struct redis_answer *a)
{
    static char at[24];
    size_t most = 1 + draw(300);
    uint64_t from = r->at.n ? strtoull(r->at.p, NULL, 10) + 1 : r->from.ms + (r->from.ms == 0);

    a->names = mem_array(NULL, TOPICS_MAX, sizeof(a->names[0]));
    a->index = STR("recent");
    if (r->n_wanted != SIZE_MAX && r->index.n == 0 && one_in(2)) {
        a->index = STR("own");
        a->at = STR("");
        return;
    }
    for (size_t i = 0; i < model.n && a->n_names < most; i++) {
        const struct entry *e = &model.entries[i];

        if (e->id < from)
            continue;
        if (e->id == model.recent[e->topic])
            add_name(a, e->topic);
        from = e->id + 1;
    }
    a->page.ret_more = from <= model.last;
    (void)snprintf(at, sizeof(at), "%llu", (unsigned long long)from - 1);
    a->at = str_of(at);
}

static void set_asked(const struct redis_reading *r, bool *asked)
{
    memset(asked, 0, TOPICS_MAX);
    for (size_t i = 0; i < r->n_topics; i++) {
        assert_false(asked[topic_of(r->topics[i])]); /* each once */
        asked[topic_of(r->topics[i])] = true;
    }
}

static struct message *message_of(const struct entry *e)
{
    return message_create(msgid_of(e->id), name_of(e->topic), STR("\"text\""), STR(""));
}

static bool is_read(const struct redis_reading *r, const struct entry *e, const bool *asked)
{
    return asked[e->topic] && !e->is_gone && msgid_cmp(msgid_of(e->id), r->from) >= 0 &&
           msgid_cmp(msgid_of(e->id), r->end) <= 0;
}

/* Returns how many entries are not among the newest. */
static size_t count_older(const struct redis_reading *r, const bool *asked)
{
    size_t n = 0;

    for (size_t i = 0; r->newest && i < model.n; i++)
        n += is_read(r, &model.entries[i], asked);
    return n > r->newest ? n - r->newest : 0;
}

static void answer_page(const struct redis_reading *r, struct redis_answer *a, const bool *asked)
{
    size_t older = count_older(r, asked);

    a->page.ret_items = mem_array(NULL, ENTRIES_MAX, sizeof(struct message *));
    a->page.ret_complete = a->page.ret_complete && older == 0;
    for (size_t i = 0; i < model.n; i++) {
        struct entry *e = &model.entries[i];

        if (!is_read(r, e, asked))
            continue;
        if (older > 0) {
            older--;
            continue;
        }
        if (a->page.ret_n == r->max_entries) {
            a->page.ret_more = true;
            return;
        }
        a->page.after = msgid_of(e->id);
        if (one_in(model.expires)) /* by its own ttl: it is not missing */
            e->is_gone = true;
        else
            a->page.ret_items[a->page.ret_n++] = message_of(e);
    }
}

static void answer_ids(const struct redis_reading *r, struct redis_answer *a, const bool *asked)
{
    a->ids = mem_array(NULL, ENTRIES_MAX, sizeof(a->ids[0]));
    for (size_t i = model.n; i-- > 0;) {
        if (!is_read(r, &model.entries[i], asked))
            continue;
        if (a->n_ids == r->newest) {
            a->page.ret_more = true;
            return;
        }
        a->ids[a->n_ids++] = msgid_of(model.entries[i].id);
    }
}

/* As answer_latest of history.lua: the id of the newest entry of each topic, and its number. */
static void answer_latest(const struct redis_reading *r, struct redis_answer *a)
{
    a->ids = mem_array(NULL, TOPICS_MAX, sizeof(a->ids[0]));
    a->numbers = mem_array(NULL, TOPICS_MAX, sizeof(a->numbers[0]));
    for (size_t t = 0; t < r->n_topics; t++) {
        for (size_t i = model.n; i-- > 0;) {
            const struct entry *e = &model.entries[i];

            if (e->topic != topic_of(r->topics[t]) || e->is_gone ||
                msgid_cmp(msgid_of(e->id), r->end) > 0 || msgid_cmp(msgid_of(e->id), r->from) < 0)
                continue;
            a->ids[a->n_ids] = msgid_of(e->id);
            a->numbers[a->n_ids++] = (uint32_t)t;
            break;
        }
    }
}

static void answer_exact(const struct redis_reading *r, struct redis_answer *a)
{
    a->page.ret_items = mem_array(NULL, ENTRIES_MAX, sizeof(struct message *));
    for (size_t t = 0; t < r->n_topics; t++) {
        assert_true(t == 0 || msgid_cmp(r->ids[t - 1], r->ids[t]) < 0);
        if (a->page.ret_n == r->max_entries) {
            a->page.ret_more = true;
            return;
        }
        a->page.after = r->ids[t];
        for (size_t i = 0; i < model.n; i++) {
            struct entry *e = &model.entries[i];

            if (e->id != r->ids[t].ms)
                continue;
            assert_int_equal(e->topic, topic_of(r->topics[t]));
            if (!e->is_gone)
                a->page.ret_items[a->page.ret_n++] = message_of(e);
        }
    }
}

static void tell_gaps(const struct redis_reading *r, struct redis_answer *a, const bool *asked)
{
    struct str topics[GAPS_MAX];
    size_t n = 0;

    a->is_held = msgid_cmp(r->point, msgid_of(model.log_start)) >= 0;
    a->page.ret_complete = a->is_held;
    for (size_t i = 0; a->page.ret_complete && i < model.n_topics; i++) {
        if (!asked[i] || msgid_cmp(r->point, msgid_of(model.log_starts[i])) >= 0)
            continue;
        if (n == GAPS_MAX) {
            a->page.ret_complete = false;
            return;
        }
        topics[n++] = name_of(i);
    }
    if (n) {
        a->page.ret_complete = false;
        a->page.ret_gaps = gaps_create(topics, n);
    }
}

static void answer(struct redis_plan *p, const struct redis_reading *reading)
{
    struct redis_reading r = *reading;
    struct redis_answer a = { .page.since = r.since, .page.after = r.point };
    bool asked[TOPICS_MAX];

    model.questions++;
    if (msgid_is_zero(r.end))
        r.end = msgid_of(model.last);
    a.page.snapshot_end = r.end;
    set_asked(&r, asked);
    tell_gaps(&r, &a, asked);
    if (r.kind == REDIS_READ_NAMES)
        answer_names(&r, &a);
    else if (r.kind == REDIS_READ_LATEST)
        answer_latest(&r, &a);
    else if (r.kind == REDIS_READ_EXACT)
        answer_exact(&r, &a);
    else if (r.n_topics == 0)
        a.page.after = msgid_of(model.log_start);
    else if (r.kind == REDIS_READ_IDS)
        answer_ids(&r, &a, asked);
    else
        answer_page(&r, &a, asked);
    redis_plan_take(p, &a);
    redis_answer_done(&a);
}

/* ---- who reads ---- */

static struct interest *wanted; /* by a node */

struct world {
    const char *filter;
    bool is_node; /* reads what is in `wanted` */
    struct redis_plan_limits limits;
    uint32_t newest;
    uint32_t page;                   /* entries at most */
    uint32_t publishes;              /* between two questions */
    uint32_t trims, losses, forgets; /* one in so many questions or pages; 0: never */
};

static struct reader {
    struct gaps_told told;
    struct msgid last;            /* everything up to here was given or judged */
    size_t next;                  /* its index in the model */
    size_t n_missing[TOPICS_MAX]; /* since the last entry of the topic */
    bool is_told[TOPICS_MAX];     /* a gap, since then, */
    bool is_named[TOPICS_MAX];    /* with this topic */
    bool is_complete;             /* the first page was */
    size_t n, n_pages, n_gaps;
    struct msgid after, end; /* what was read: between these */
} reader;

static bool is_wanted(const struct world *w, size_t topic)
{
    return filter_matches(str_of(w->filter), name_of(topic)) &&
           (!w->is_node || interest_matches(wanted, name_of(topic)));
}

static bool has_name(const struct gaps *gaps, size_t topic)
{
    for (size_t i = 0; gaps && i < gaps->n; i++) {
        if (str_eq(gaps->topics[i], name_of(topic)))
            return true;
    }
    return false;
}

static void hear_gaps(const struct broker_history *page)
{
    struct gaps *gaps;
    bool is_new = gaps_news(&reader.told, page, &gaps);

    for (size_t i = 0; i < model.n_topics; i++) {
        reader.is_named[i] = reader.is_named[i] || has_name(gaps, i);
        reader.is_told[i] = reader.is_told[i] || reader.is_named[i] || (is_new && !gaps);
    }
    reader.n_gaps += is_new;
    if (reader.n_pages++ == 0)
        reader.is_complete = page->ret_complete;
    free(gaps);
}

/* Judges the entries that were passed over: they have expired, or are missing. */
static void pass_over(const struct world *w, struct msgid upto)
{
    for (; reader.next < model.n && model.entries[reader.next].id <= upto.ms; reader.next++) {
        const struct entry *e = &model.entries[reader.next];

        if (e->id <= reader.last.ms || !is_wanted(w, e->topic) || w->newest)
            continue;
        assert_true(e->is_gone);
        reader.n_missing[e->topic] += e->is_lost;
    }
}

/* A gap must have been told between the entries of the topic where others are missing. */
static void judge(size_t topic)
{
    if (reader.n_missing[topic] > 0 && !reader.is_told[topic])
        fail_msg("a gap of %.*s was not told", STR_ARG(name_of(topic)));
    if (reader.n_missing[topic] == 0 && reader.is_named[topic])
        fail_msg("a gap of %.*s was told, but nothing is missing", STR_ARG(name_of(topic)));
    reader.n_missing[topic] = 0;
    reader.is_told[topic] = reader.is_named[topic] = false;
}

static void hear(const struct world *w, const struct message *m)
{
    size_t topic = topic_of(m->topic);

    assert_true(msgid_cmp(m->id, reader.last) > 0);
    assert_true(is_wanted(w, topic));
    pass_over(w, msgid_before(m->id));
    assert_int_equal(model.entries[reader.next].id, m->id.ms);
    reader.next++;
    reader.n++;
    judge(topic);
    reader.last = m->id;
    gaps_delivered(&reader.told, m, true);
}

static void happen(const struct world *w)
{
    for (uint32_t i = 0; i < w->publishes; i++)
        publish();
    if (one_in(w->trims))
        trim(draw((uint32_t)model.n_topics));
    if (one_in(w->losses))
        lose_all();
}

static void read_page(const struct world *w, struct redis_plan *p, struct broker_history *h)
{
    struct redis_reading r;

    if (model.is_interrupted) /* as catch_up.c does */
        gaps_interrupted(&reader.told);
    model.is_interrupted = false;
    while (redis_plan_next(p, &r)) {
        answer(p, &r);
        happen(w);
        assert_true(redis_plan_bytes(p) <= w->limits.entries + 12 * TOPICS_MAX + 8000);
    }
    if (model.is_interrupted)
        gaps_interrupted(&reader.told);
    redis_plan_give(p, h);
    assert_true(h->ret_n <= h->max_entries);
    hear_gaps(h);
    for (size_t i = 0; i < h->ret_n; i++) {
        hear(w, h->ret_items[i]);
        message_unref(h->ret_items[i]);
    }
    free(h->ret_items);
    free(h->ret_gaps);
}

static void read_all(const struct world *w)
{
    struct broker_history h = { .filter = str_of(w->filter), .newest = w->newest };
    struct redis_plans kept;

    h.after = msgid_of(draw((uint32_t)model.last / 4));
    reader = (struct reader){ .last = h.after, .after = h.after };
    redis_plans_init(&kept);
    do {
        struct redis_plan *p = redis_plans_take(&kept, &h, w->is_node ? wanted : NULL);

        h.max_entries = 1 + draw(w->page);
        if (p)
            redis_plan_begin(p, &h);
        else
            p = redis_plan_create(&h, w->is_node ? wanted : NULL, &w->limits);
        read_page(w, p, &h);
        redis_plans_keep(&kept, p, 0);
        if (one_in(w->forgets))
            redis_plans_expire(&kept, UINT64_MAX);
    } while (h.ret_more);
    assert_true(msgid_cmp(reader.last, h.snapshot_end) <= 0);
    pass_over(w, h.snapshot_end);
    for (size_t i = 0; i < model.n_topics; i++)
        judge(i);
    reader.end = h.snapshot_end;
    redis_plans_done(&kept);
    gaps_told_done(&reader.told);
}

static void fill(uint32_t seed, size_t n_topics, size_t n)
{
    model = (struct model){ .n_topics = n_topics, .seed = seed };
    while (model.n < n)
        publish();
}

/* ---- tests ---- */

#define MANY                                                                                       \
    {                                                                                              \
        1 << 20, 1 << 20                                                                           \
    }
#define SMALL                                                                                      \
    {                                                                                              \
        1 << 20, 4000                                                                              \
    } /* some dozen entries */
#define SEEDS 100

static const size_t sizes[] = { 1, 40, 399, 400, 401, TOPICS_MAX }; /* half of them match */

static void run_all(const struct world *worlds, size_t n_worlds, uint32_t expires)
{
    for (size_t i = 0; i < n_worlds; i++) {
        for (uint32_t seed = 0; seed < SEEDS; seed++) {
            fill(seed, sizes[seed % ARRAY_LEN(sizes)], 100 + 20 * (seed % 30));
            model.expires = expires;
            read_all(&worlds[i]);
        }
    }
}

static void gives_the_log_up_to_the_snapshot_end(void **state)
{
    static const struct world worlds[] = {
        { .filter = "room/+", .limits = MANY, .page = 256, .publishes = 3 },
        { .filter = "#", .limits = MANY, .page = 5, .publishes = 3 },
        { .filter = "#", .limits = SMALL, .page = 30, .publishes = 3, .forgets = 4 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(worlds); i++) {
        run_all(&worlds[i], 1, 0);
        assert_true(reader.is_complete);
        assert_int_equal(reader.n_gaps, 0);
        run_all(&worlds[i], 1, 10);
        assert_int_equal(reader.n_gaps, 0);
    }
}

static void tells_each_gap_in_its_place(void **state)
{
    static const struct world worlds[] = {
        { .filter = "#", .limits = MANY, .page = 40, .publishes = 1, .trims = 1 },
        { .filter = "#", .limits = MANY, .page = 5, .trims = 1, .losses = 8 },
        { .filter = "#", .limits = { 1 << 20, 900 }, .page = 99, .trims = 1, .losses = 40 },
        { .filter = "room/+", .limits = SMALL, .page = 30, .publishes = 2, .trims = 1 },
        { .filter = "#", .limits = SMALL, .page = 9, .trims = 2, .losses = 50, .forgets = 9 },
    };

    (void)state;
    run_all(worlds, ARRAY_LEN(worlds), 15);
}

static void gives_only_the_newest(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 4 * SEEDS; seed++) {
        const struct world w = {
            .filter = "#",
            .limits = MANY,
            .page = 40,
            .publishes = 1,
            .newest = 1 + 5 * seed % 700,
        };
        size_t all = 0;

        fill(seed, sizes[seed % ARRAY_LEN(sizes)], 600);
        read_all(&w);
        for (size_t i = 0; i < model.n; i++)
            all += model.entries[i].id > reader.after.ms && model.entries[i].id <= reader.end.ms;
        assert_int_equal(reader.n, all < w.newest ? all : w.newest);
        assert_int_equal(reader.is_complete, all <= w.newest);
    }
}

/* ---- the latest ---- */

/* Returns the index of the latest entry of a topic up to the id, or SIZE_MAX. */
static size_t find_latest(size_t topic, struct msgid upto)
{
    for (size_t i = model.n; i-- > 0;) {
        const struct entry *e = &model.entries[i];

        if (e->topic == topic && msgid_cmp(msgid_of(e->id), upto) <= 0)
            return i;
    }
    return SIZE_MAX;
}

/* Each is the latest of its topic up to the snapshot end, in the order of ids. Entries that are
 * missing have left the log. */
static void read_latest(const struct world *w, size_t *ret_n)
{
    struct broker_history h = { .filter = str_of(w->filter), .latest = true };
    struct msgid last = { 0 };
    bool was_given[TOPICS_MAX] = { false };
    struct redis_plans kept;

    *ret_n = 0;
    redis_plans_init(&kept);
    do {
        struct redis_plan *p = redis_plans_take(&kept, &h, NULL);
        struct redis_reading r;

        h.max_entries = 1 + draw(w->page);
        if (p)
            redis_plan_begin(p, &h);
        else
            p = redis_plan_create(&h, NULL, &w->limits);
        while (redis_plan_next(p, &r)) {
            answer(p, &r);
            happen(w);
        }
        redis_plan_give(p, &h);
        assert_true(h.latest && h.ret_n <= h.max_entries);
        for (size_t i = 0; i < h.ret_n; i++) {
            size_t topic = topic_of(h.ret_items[i]->topic);

            assert_true(msgid_cmp(h.ret_items[i]->id, last) > 0 && !was_given[topic]);
            last = h.ret_items[i]->id;
            was_given[topic] = true;
            assert_int_equal(model.entries[find_latest(topic, h.snapshot_end)].id, last.ms);
            message_unref(h.ret_items[i]);
        }
        *ret_n += h.ret_n;
        free(h.ret_items);
        free(h.ret_gaps);
        redis_plans_keep(&kept, p, 0);
        if (one_in(w->forgets))
            redis_plans_expire(&kept, UINT64_MAX);
    } while (h.ret_more);
    for (size_t i = 0; i < model.n_topics; i++) {
        size_t at = find_latest(i, h.snapshot_end);

        if (is_wanted(w, i) && !was_given[i] && at != SIZE_MAX)
            assert_true(model.entries[at].is_gone);
    }
    redis_plans_done(&kept);
}

static void gives_the_latest_of_each_topic(void **state)
{
    static const struct world worlds[] = {
        { .filter = "#", .limits = MANY, .page = 40 },
        { .filter = "room/+", .limits = MANY, .page = 300, .publishes = 3, .forgets = 5 },
        { .filter = "#", .limits = SMALL, .page = 40, .publishes = 1, .forgets = 3 },
        { .filter = "room/000", .limits = MANY, .page = 1 },
        { .filter = "none/#", .limits = MANY, .page = 1 },
    };

    (void)state;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        for (size_t i = 0; i < ARRAY_LEN(worlds); i++) {
            size_t n, want = 0;

            fill(seed, sizes[seed % ARRAY_LEN(sizes)], 600);
            for (size_t t = 0; t < model.n_topics; t++)
                want +=
                    is_wanted(&worlds[i], t) && find_latest(t, msgid_of(model.last)) != SIZE_MAX;
            read_latest(&worlds[i], &n);
            assert_true(worlds[i].publishes || n == want);
        }
    }
}

static void leaves_out_the_latest_that_left_the_log(void **state)
{
    const struct world w = {
        .filter = "#", .limits = MANY, .page = 20, .publishes = 5, .trims = 1
    };

    (void)state;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        size_t n;

        fill(seed, sizes[seed % ARRAY_LEN(sizes)], 600);
        read_latest(&w, &n);
    }
}

/* A join in a batch drops a page that comes too early, and reads it again (app/sub/join.c). */
static void reads_a_page_again(void **state)
{
    const struct redis_plan_limits limits = MANY;
    struct broker_history h = { .filter = STR("#"), .max_entries = 10 }, again;
    struct redis_plans kept;

    (void)state;
    fill(1, TOPICS_MAX, 500);
    redis_plans_init(&kept);
    for (size_t i = 0; i < 2; i++) {
        struct redis_plan *p = redis_plan_create(&h, NULL, &limits);
        struct redis_reading r;

        while (redis_plan_next(p, &r))
            answer(p, &r);
        redis_plan_give(p, &h);
        redis_plans_keep(&kept, p, 0);
        assert_int_equal(h.ret_n, 10);
        assert_int_equal(h.ret_items[0]->id.ms, model.entries[0].id);
        again = h;
        again.after = msgid_before(h.ret_items[0]->id);
        assert_null(redis_plans_take(&kept, &again, NULL));
        for (size_t k = 0; k < h.ret_n; k++)
            message_unref(h.ret_items[k]);
        free(h.ret_items);
        h.after = again.after;
    }
    redis_plans_done(&kept);
}

/* ---- what a node wants ---- */

/* Wants the first n topics, or also a pattern. */
static void want(size_t n, bool has_pattern)
{
    interest_free(wanted);
    wanted = interest_create();
    for (size_t i = 0; i < n; i++)
        (void)interest_add(wanted, name_of(i), 0);
    if (has_pattern)
        (void)interest_add(wanted, STR("hall/+"), 0);
}

static void reads_what_a_node_wants(void **state)
{
    const struct world quiet = { .filter = "#", .is_node = true, .limits = MANY, .page = 999 };
    struct world w = quiet;

    (void)state;
    w.publishes = 2;
    w.forgets = 3;
    for (uint32_t seed = 0; seed < 4 * SEEDS; seed++) {
        fill(seed, TOPICS_MAX, 500);
        want(seed % 4 ? draw(TOPICS_MAX) : draw(20), seed % 3 == 0);
        read_all(seed % 2 ? &w : &quiet);
        assert_int_equal(reader.n_gaps, 0);
    }
}

static void asks_once_for_the_few_topics_of_a_node(void **state)
{
    const struct world w = { .filter = "#", .is_node = true, .limits = MANY, .page = 1 };
    struct broker_history h = { .filter = STR("#"), .max_entries = 999 };
    struct redis_reading r;
    struct redis_plan *p;

    (void)state;
    want(REDIS_TOPICS_MAX, false);
    fill(1, TOPICS_MAX, 500);
    reader = (struct reader){ 0 };
    p = redis_plan_create(&h, wanted, &w.limits);
    assert_true(redis_plan_next(p, &r));
    assert_int_equal(r.kind, REDIS_READ_PAGE);
    assert_int_equal(r.n_topics, REDIS_TOPICS_MAX);
    assert_true(msgid_is_zero(r.end));
    answer(p, &r);
    read_page(&w, p, &h);
    assert_int_equal(model.questions, 1);
    assert_int_equal(h.snapshot_end.ms, model.last);
    assert_false(h.ret_more);
    redis_plan_free(p);
}

static void names_without_room_make_all_pages_incomplete(void **state)
{
    struct world w = { .filter = "#", .limits = { 200, 1 << 20 }, .page = 10 };
    struct broker_history h = { .filter = STR("#") };
    struct redis_plan *p;

    (void)state;
    fill(1, TOPICS_MAX, 500);
    p = redis_plan_create(&h, NULL, &w.limits);
    do {
        struct redis_reading r;

        h.max_entries = 3;
        redis_plan_begin(p, &h);
        while (redis_plan_next(p, &r))
            answer(p, &r);
        redis_plan_give(p, &h);
        assert_false(h.ret_complete);
        assert_null(h.ret_gaps);
        assert_true(h.ret_n > 0);
        for (size_t i = 0; i < h.ret_n; i++)
            message_unref(h.ret_items[i]);
        free(h.ret_items);
    } while (h.ret_more);
    redis_plan_free(p);
}

static void keeps_plans_for_a_while_and_within_bounds(void **state)
{
    const struct redis_plan_limits limits = MANY;
    const struct broker_history one = { .filter = STR("a/+") }, other = { .filter = STR("b/+") };
    struct redis_plans kept;
    size_t each;

    (void)state;
    redis_plans_init(&kept);
    redis_plans_keep(&kept, redis_plan_create(&one, NULL, &limits), 1000);
    redis_plans_keep(&kept, redis_plan_create(&other, NULL, &limits), 1500);
    assert_null(redis_plans_take(&kept, &one, wanted));
    redis_plans_expire(&kept, 1000 + REDIS_PLANS_MS);
    assert_null(redis_plans_take(&kept, &one, NULL));
    each = kept.bytes;
    for (size_t i = 0; i < REDIS_PLANS_BYTES / each; i++)
        redis_plans_keep(&kept, redis_plan_create(&one, NULL, &limits), 1500);
    assert_true(kept.bytes <= REDIS_PLANS_BYTES);
    assert_null(redis_plans_take(&kept, &other, NULL)); /* the oldest one went first */
    redis_plans_done(&kept);
    assert_int_equal(kept.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_log_up_to_the_snapshot_end),
        cmocka_unit_test(tells_each_gap_in_its_place),
        cmocka_unit_test(gives_only_the_newest),
        cmocka_unit_test(gives_the_latest_of_each_topic),
        cmocka_unit_test(leaves_out_the_latest_that_left_the_log),
        cmocka_unit_test(reads_a_page_again),
        cmocka_unit_test(reads_what_a_node_wants),
        cmocka_unit_test(asks_once_for_the_few_topics_of_a_node),
        cmocka_unit_test(names_without_room_make_all_pages_incomplete),
        cmocka_unit_test(keeps_plans_for_a_while_and_within_bounds),
    };
    int failed;

    set_names();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    interest_free(wanted);
    return failed;
}
