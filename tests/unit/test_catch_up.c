/* test_catch_up.c - the machine against a model of the log and the feed. The model publishes, trims
 * and empties topics, loses live messages, and answers pages late; the machine's user must get each
 * message once, in the order of ids, or a gap in its place. One kind of user has several filters,
 * which page_merge.c reads as one. The cases are in test_replay.c and test_join.c.
 */
#include "broker/catch_up.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/page_merge.h"
#include "hub/topic.h"

#define TOPICS   3
#define MESSAGES 60
#define EVENTS   1024
#define RUNS     30000

static const char *const names[TOPICS] = { "a", "b", "c" };

enum user {
    REPLAY,
    JOIN,        /* its pages do not wait for live messages */
    JOIN_MANY,   /* the same, with several filters */
    WITHOUT_LOG, /* gets one page, an empty one */
    USERS,
};

/* The filters that JOIN_MANY reads. Each set matches all topics, some of them more than once. */
static const struct filters {
    size_t n;
    struct str at[5];
} filter_sets[] = {
    { 3, { { "a", 1 }, { "b", 1 }, { "c", 1 } } },
    { 2, { { "a", 1 }, { "+", 1 } } },
    { 5, { { "#", 1 }, { "c", 1 }, { "+", 1 }, { "+/#", 3 }, { "b", 1 } } },
};

/* One event that the user got: a message, or a gap of one topic. */
struct event {
    bool is_gap;
    bool is_legacy;
    int topic;
    uint64_t id; /* of a message */
};

static struct {
    uint64_t seed;
    /* the log: messages 1 to n_published; that of a topic begins after `start` */
    uint64_t n_published;
    int topic_of[MESSAGES + 1];
    uint64_t start[TOPICS];
    uint64_t emptied; /* up to this id */
    bool has_lost;    /* anything, from the log or on the way to the user */
    /* the feed: published and not yet delivered; 0: a legacy message */
    uint64_t on_its_way[EVENTS];
    size_t n_on_its_way;
    /* the user */
    enum user user;
    uint64_t from; /* it has everything up to this id */
    struct catch_up machine;
    uint64_t opened; /* JOIN: it begins here if nothing can be read */
    bool has_begun;  /* the first page was answered */
    bool is_live;
    size_t may_hold;
    size_t n_held;
    const struct filters *filters; /* JOIN_MANY */
    struct page_merge *merge;
    struct broker_history page;
    bool is_asked; /* ... and not answered */
    bool is_read;  /* ... but the answer is still on its way */
    size_t waits;  /* the answer comes after so many live messages */
    struct event events[EVENTS];
    size_t n_events;
} t;

static uint64_t below(uint64_t n)
{
    t.seed = t.seed * 6364136223846793005u + 1442695040888963407u;
    return (t.seed >> 33) % n;
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

/* ---- the user ---- */

static void add_event(struct event e)
{
    assert_true(t.n_events < EVENTS);
    t.events[t.n_events++] = e;
}

static int topic_number(struct str topic)
{
    return topic.p[0] - 'a';
}

static void on_deliver(struct catch_up *c, struct message *m)
{
    (void)c;
    add_event(
        (struct event){ .is_legacy = m->legacy, .topic = topic_number(m->topic), .id = m->id.ms });
}

static void on_gap(struct catch_up *c, struct gaps *gaps)
{
    (void)c;
    for (size_t i = 0; i < (gaps ? gaps->n : TOPICS); i++)
        add_event((struct event){ .is_gap = true,
                                  .topic = gaps ? topic_number(gaps->topics[i]) : (int)i });
    free(gaps);
}

static void on_reached(struct catch_up *c, struct msgid snapshot_end)
{
    assert_int_equal(c->mark.ms, snapshot_end.ms);
}

static bool may_hold(struct catch_up *c, const struct message *m)
{
    bool has_room = t.n_held + (m ? 1 : 0) <= t.may_hold;

    (void)c;
    t.has_lost = t.has_lost || (!has_room && t.user == WITHOUT_LOG);
    return has_room;
}

static void on_hold(struct catch_up *c, struct message *m)
{
    (void)c;
    (void)m;
    t.n_held++;
}

static void on_release(struct catch_up *c, struct message *m)
{
    (void)c;
    (void)m;
    t.n_held--;
}

static const struct catch_up_ops ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .may_hold = may_hold,
    .hold = on_hold,
    .release = on_release,
};

static struct message *message_of(uint64_t id, const char *topic)
{
    return message_create((struct msgid){ id, 0 }, str_of(topic), STR("\"x\""), STR(""));
}

static void ask(void)
{
    catch_up_on_ask(&t.machine, &t.page);
    if (t.merge)
        page_merge_ask(t.merge, &t.page);
    t.is_asked = true;
    t.is_read = false;
}

/* ---- the log and the feed ---- */

static void publish(void)
{
    if (t.n_published == MESSAGES)
        return;
    t.topic_of[++t.n_published] = (int)below(TOPICS);
    t.on_its_way[t.n_on_its_way++] = t.n_published;
}

static void publish_legacy(void)
{
    if (t.n_on_its_way < EVENTS / 2)
        t.on_its_way[t.n_on_its_way++] = 0;
}

/* The next message of the feed arrives. */
static void arrive(void)
{
    uint64_t id = t.on_its_way[0];
    struct message *m;

    if (t.n_on_its_way == 0)
        return;
    memmove(t.on_its_way, t.on_its_way + 1, --t.n_on_its_way * sizeof(t.on_its_way[0]));
    t.waits -= t.waits > 0;
    m = message_of(id, names[id ? t.topic_of[id] : 0]);
    m->legacy = id == 0;
    for (size_t i = 1; t.filters && !t.is_live && id && i < t.filters->n; i++) {
        if (filter_matches(t.filters->at[i], m->topic))
            catch_up_live(&t.machine, m); /* another subscription gets it, too */
    }
    if (!t.is_live)
        catch_up_live(&t.machine, m);
    else if (m->legacy || msgid_cmp(m->id, t.machine.mark) > 0)
        on_deliver(&t.machine, m);
    message_unref(m);
}

/* The feed loses what is on its way, and perhaps the log is lost with it. */
static void interrupt(bool is_emptied)
{
    if (t.is_live)
        return;
    t.n_on_its_way = 0;
    if (t.user == WITHOUT_LOG)
        t.has_lost = true;
    else
        t.waits = 0;
    if (is_emptied) {
        t.has_lost = true;
        t.emptied = t.n_published;
    }
    catch_up_interrupted(&t.machine);
}

static void trim(void)
{
    uint64_t to = t.n_published ? 1 + below(t.n_published) : 0;

    for (uint64_t id = to; id > 0; id--) {
        int topic = t.topic_of[id];

        if (t.start[topic] < id) {
            t.start[topic] = id;
            t.has_lost = true;
        }
        return;
    }
}

static bool is_asked_for(int topic)
{
    return !t.merge || filter_matches(t.page.filter, str_of(names[topic]));
}

static bool is_in_log(uint64_t id)
{
    return id > t.emptied && id > t.start[t.topic_of[id]] && is_asked_for(t.topic_of[id]);
}

/* Redis answers: the log of this moment. */
static void read_page(void)
{
    struct broker_history *h = &t.page;
    uint64_t after = h->after.ms, id = after + 1;
    size_t most = 1 + below(4), n = 0;
    struct str gone[TOPICS];

    if (msgid_is_zero(h->snapshot_end))
        h->snapshot_end.ms = t.n_published;
    h->ret_items = mem_array(NULL, most, sizeof(h->ret_items[0]));
    h->ret_n = 0;
    for (; id <= h->snapshot_end.ms && h->ret_n < most; id++) {
        if (is_in_log(id))
            h->ret_items[h->ret_n++] = message_of(id, names[t.topic_of[id]]);
    }
    h->ret_more = false;
    for (uint64_t i = id; i <= h->snapshot_end.ms; i++)
        h->ret_more = h->ret_more || is_in_log(i);
    h->after.ms = h->ret_more ? id - 1 : h->snapshot_end.ms;
    for (size_t i = 0; i < TOPICS; i++) {
        if (t.start[i] > after && is_asked_for((int)i))
            gone[n++] = str_of(names[i]);
    }
    h->ret_complete = n == 0 && t.emptied <= after;
    h->ret_gaps = !h->ret_complete && t.emptied <= after ? gaps_create(gone, n) : NULL;
    t.is_read = true;
    /* A page with a gap waits for what was published before it was read (core.h); that of a join
     * does not. */
    t.waits =
        h->ret_complete || t.machine.pages_overtake ? below(t.n_on_its_way + 1) : t.n_on_its_way;
}

static void fail_page(void)
{
    t.has_lost = true;
    if (t.machine.pages_overtake)
        t.machine.mark =
            msgid_later(t.machine.mark, (struct msgid){ t.has_begun ? t.from : t.opened, 0 });
    catch_up_fail(&t.machine);
    t.is_live = true;
}

static void answer(void)
{
    if (t.merge && !page_merge_take(t.merge, &t.page)) {
        t.is_read = false;
        return;
    }
    t.is_asked = false;
    t.has_begun = true;
    t.is_live = !catch_up_on_page(&t.machine, &t.page);
    assert_true(t.is_live || t.user != WITHOUT_LOG);
    if (!t.is_live)
        ask();
}

static void step(uint64_t faults)
{
    switch (below(10)) {
    case 0:
    case 1:
    case 2: publish(); break;
    case 3:
    case 4:
    case 5: arrive(); break;
    case 6:
        if (faults & 1 && one_in(3))
            trim();
        else if (faults & 2 && one_in(4))
            interrupt(faults & 4 && one_in(2));
        else if (one_in(3))
            publish_legacy();
        break;
    case 7:
        if (t.is_asked && !t.is_read && faults & 8 && one_in(20))
            fail_page();
        break;
    default:
        if (t.is_live)
            break;
        if (!t.is_read)
            read_page();
        else if (t.waits == 0)
            answer();
    }
}

/* ---- the judge ---- */

/* Returns the event that delivered the message; n_events: none. */
static size_t find(uint64_t id)
{
    size_t i = 0;

    while (i < t.n_events && (t.events[i].is_gap || t.events[i].is_legacy || t.events[i].id != id))
        i++;
    return i;
}

/* A message is missing: a gap of its topic must lie behind the message of the topic before it, and in
 * front of the one after it. */
static bool is_told(uint64_t missing)
{
    int topic = t.topic_of[missing];
    bool is_told = false;

    for (size_t i = 0; i < t.n_events; i++) {
        const struct event *e = &t.events[i];

        if (e->is_legacy || e->topic != topic)
            continue;
        if (!e->is_gap && e->id > missing)
            break;
        is_told = e->is_gap || (is_told && e->id > missing);
    }
    return is_told;
}

static void judge(uint64_t run)
{
    uint64_t last = t.from;

    for (size_t i = 0; i < t.n_events; i++) {
        const struct event *e = &t.events[i];

        if (e->is_gap && !t.has_lost)
            fail_msg("run %d: a gap although nothing is missing", (int)run);
        if (e->is_gap || e->is_legacy)
            continue;
        if (e->id <= last)
            fail_msg("run %d: %d after %d", (int)run, (int)e->id, (int)last);
        last = e->id;
    }
    for (uint64_t id = t.from + 1; id <= t.n_published; id++) {
        if (find(id) == t.n_events && !is_told(id))
            fail_msg("run %d: %d is missing without a gap", (int)run, (int)id);
    }
}

static void start(void)
{
    catch_up_start(&t.machine, &ops, (struct msgid){ 0 });
    switch (t.user) {
    case JOIN_MANY:
        t.filters = &filter_sets[below(ARRAY_LEN(filter_sets))];
        t.merge = page_merge_create(t.filters->at, t.filters->n);
        t.page.max_entries = (uint32_t)(1 + below(6));
        t.page.max_bytes = (uint32_t)(1 + below(800)); /* from one entry to all */
        /* fall through */
    case JOIN: /* what is on its way still comes */
        t.from = below(t.n_published + 1);
        t.opened = t.n_published;
        t.machine.pages_overtake = true;
        t.page.after.ms = t.from;
        break;
    case WITHOUT_LOG:
        t.from = t.machine.mark.ms = t.n_published;
        t.machine.has_no_log = true;
        t.page.ret_complete = true;
        t.is_read = true;
        t.waits = below(20);
        return;
    default: t.n_on_its_way = 0; /* missed: the log has it */
    }
    ask();
}

static void play(uint64_t run)
{
    uint64_t faults;

    memset(&t, 0, sizeof(t));
    t.seed = run * 2654435761u + 1;
    faults = below(16);
    t.user = (enum user)below(USERS);
    t.may_hold = one_in(3) ? 1 + below(6) : EVENTS;
    for (size_t i = below(12); i > 0; i--)
        publish();
    start();
    for (size_t i = 0; i < 150; i++)
        step(faults);
    while (t.n_on_its_way || !t.is_live) {
        arrive();
        if (!t.is_live && !t.is_read)
            read_page();
        else if (!t.is_live && (t.waits == 0 || t.n_on_its_way == 0))
            answer();
    }
    catch_up_done(&t.machine);
    page_merge_free(t.merge);
    assert_int_equal(t.n_held, 0);
    judge(run);
}

static void delivers_everything_once_or_tells_a_gap_in_its_place(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < RUNS; run++)
        play(run);
}

/* ---- a page of a topic that was purged ---- */

static struct broker_history page_of(const char *topics, const char *gap, bool is_complete)
{
    struct broker_history page = { .ret_complete = is_complete };

    page.ret_items = mem_array(NULL, strlen(topics), sizeof(page.ret_items[0]));
    for (; topics[page.ret_n]; page.ret_n++) {
        struct msgid id = { 10 + page.ret_n, 0 };

        page.ret_items[page.ret_n] =
            message_create(id, str_make(topics + page.ret_n, 1), STR("1"), STR(""));
    }
    page.ret_gaps = gap ? gaps_create(&(struct str){ gap, 1 }, 1) : NULL;
    return page;
}

static void a_page_forgets_a_purged_topic(void **state)
{
    static const struct {
        const char *topics, *gap;
        bool is_complete;
        uint64_t upto;
        const char *left, *gaps; /* NULL: none */
    } rows[] = {
        { "abab", NULL, true, 20, "bb", "a" },   { "abab", NULL, true, 11, "bab", "a" },
        { "abab", NULL, true, 9, "abab", NULL }, { "bb", NULL, true, 20, "bb", NULL },
        { "aa", "b", false, 20, "", "ba" },      { "aab", "a", false, 20, "b", "a" },
        { "ab", NULL, false, 20, "b", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct broker_history page = page_of(rows[i].topics, rows[i].gap, rows[i].is_complete);
        const char *gaps = rows[i].gaps;
        bool is_changed = strlen(rows[i].left) != strlen(rows[i].topics);

        catch_up_purge_page(&page, STR("a"), (struct msgid){ rows[i].upto, 0 });
        assert_int_equal(page.ret_n, strlen(rows[i].left));
        for (size_t k = 0; k < page.ret_n; k++)
            assert_int_equal(page.ret_items[k]->topic.p[0], rows[i].left[k]);
        assert_int_equal(page.ret_complete, rows[i].is_complete && !is_changed);
        assert_int_equal(page.ret_gaps ? page.ret_gaps->n : 0, gaps ? strlen(gaps) : 0);
        for (size_t k = 0; gaps && gaps[k]; k++)
            assert_int_equal(page.ret_gaps->topics[k].p[0], gaps[k]);
        catch_up_drop_page(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_everything_once_or_tells_a_gap_in_its_place),
        cmocka_unit_test(a_page_forgets_a_purged_topic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
