#include "broker/redis/redis_walk.h"

#include "broker/interest.h"

#define BY_NAME "topics" /* the index that is in the order of names */

struct str redis_walk_filter(const struct redis_walk *w)
{
    return str_make(w->filter, w->filter_n);
}

static bool has_room(const struct redis_walk *w, struct str name)
{
    return w->topics.n < w->max_topics &&
           redis_topic_list_bytes(&w->topics) + name.n <= w->max_bytes;
}

static void add_name(struct redis_walk *w, struct str name)
{
    if (w->is_cut || !topic_is_valid(name) || !filter_matches(redis_walk_filter(w), name))
        return;
    w->is_cut = !has_room(w, name);
    if (!w->is_cut)
        redis_topic_list_add(&w->topics, name);
}

/* Returns how many topics are wanted; SIZE_MAX: a pattern is wanted, too. */
static size_t count_wanted(const struct interest *wanted)
{
    return interest_has_pattern(wanted) ? SIZE_MAX : interest_topic_count(wanted);
}

static void add_wanted(struct str topic, void *arg)
{
    add_name(arg, topic);
}

static void end(struct redis_walk *w)
{
    redis_topic_list_end(&w->topics);
    w->has_ended = true;
}

static void add_all_wanted(struct redis_walk *w)
{
    interest_each_topic(w->wanted, add_wanted, w);
    end(w);
}

/* Copies at most max bytes. */
static size_t copy(char *to, size_t max, struct str from)
{
    size_t n = from.n < max ? from.n : max;

    if (n)
        memcpy(to, from.p, n);
    return n;
}

void redis_walk_ask(const struct redis_walk *w, struct redis_reading *r)
{
    r->kind = REDIS_READ_NAMES;
    r->n_wanted = w->wanted ? count_wanted(w->wanted) : SIZE_MAX;
    r->filter = redis_walk_filter(w);
    r->index = str_make(w->index, w->index_n);
    r->at = str_make(w->at, w->at_n);
}

/* Reports whether no more names can match, because the walk has passed all that do. */
static bool is_past(const struct redis_walk *w)
{
    struct str filter = redis_walk_filter(w);

    return str_eq(str_make(w->index, w->index_n), STR(BY_NAME)) &&
           pattern_is_past(filter, filter_fixed_prefix(filter), str_make(w->at, w->at_n));
}

void redis_walk_take(struct redis_walk *w, const struct redis_answer *a)
{
    for (size_t i = 0; i < a->n_names; i++) {
        if (!w->wanted || interest_matches(w->wanted, a->names[i]))
            add_name(w, a->names[i]);
    }
    w->index_n = copy(w->index, sizeof(w->index), a->index);
    w->at_n = copy(w->at, sizeof(w->at), a->at);
    if (w->wanted && str_eq(a->index, STR("own")))
        add_all_wanted(w);
    else if (!a->page.ret_more || w->is_cut || is_past(w))
        end(w);
}

void redis_walk_init(struct redis_walk *w, struct str filter, const struct interest *wanted,
                     size_t max_bytes, size_t max_topics)
{
    size_t n_wanted = wanted ? count_wanted(wanted) : 0;

    *w = (struct redis_walk){ .wanted = wanted, .max_bytes = max_bytes, .max_topics = max_topics };
    w->filter_n = copy(w->filter, sizeof(w->filter), filter);
    if (n_wanted > 0 && n_wanted <= REDIS_TOPICS_MAX) {
        add_all_wanted(w); /* one question is enough */
    } else if (!filter_is_pattern(filter)) {
        add_name(w, filter);
        end(w);
    }
}

void redis_walk_by_name(struct redis_walk *w, struct str after)
{
    struct str filter = redis_walk_filter(w);

    w->index_n = copy(w->index, sizeof(w->index), STR(BY_NAME));
    if (str_cmp(after, filter_fixed_prefix(filter)) >= 0)
        w->at_n = copy(w->at, sizeof(w->at), after);
    if (w->has_ended && str_cmp(after, filter) >= 0) /* a topic, which is not behind it */
        redis_topic_list_done(&w->topics);
}

void redis_walk_done(struct redis_walk *w)
{
    redis_topic_list_done(&w->topics);
}
