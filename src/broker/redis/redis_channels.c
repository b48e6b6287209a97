/* redis_channels.c - from the filters that clients want to the channels of the feed.
 *
 * The problem: a node wants many topics and some patterns, and both change all the time. Redis can
 * subscribe to a topic exactly, but to a pattern only by a glob. Each PUBLISH walks all globs of
 * the server, so a node may hold only a few. And while the channels change, no message of a filter
 * that a client was told is live may be missed.
 *
 * The idea: two steps. The *target* is a small set of prefixes that covers all patterns; a topic
 * that it covers needs no name of its own. The target changes at once, by plain rules. The channels
 * follow it, and two rules make that safe in any order of events:
 *
 *     a filter is told live    when its own name, or a glob of the target, is confirmed
 *     a channel is closed      when whatever it covers is covered by confirmed channels of the
 *                              target, or is not wanted
 *
 * For names the second rule is a look at the target. For a glob that left the target it would be a
 * look at all names. So a sweep gives each name that the new target does not cover a channel of its
 * own, and the number of changes made by then is the *barrier*: Redis confirms in order, so when as
 * many are confirmed, the glob is not needed. Later filters never relied on it.
 *
 *     wanted             target      channels (? opening, ~ lingering or to be closed)
 *     a/1 b              -           name a/1, name b
 *     a/1 b a/#          a/          name a/1, name b, glob a/ ?, name a ?
 *     confirmed                      name a/1 ~, name b, glob a/, name a           a/# is live
 *     10 s later                     name b, glob a/, name a
 *     a/1 b              -           name b, glob a/, name a ~                     10 s later:
 *     swept              -           name b, glob a/ ~, name a/1 ?                 the barrier: a/1
 *     confirmed                      name b, name a/1
 *
 * Widening is at once: a new prefix for which there is no room shares a shorter one with another,
 * at last the wide channel (redis_target.c). Narrowing waits for CHANNELS_LINGER_MS. A name
 * beyond `max` widens to the wide channel, too; that is left below four fifths of max.
 *
 * Tried and dropped: to count for each glob the names that only it covers. Each change of the
 * target then touched all names at once, and each exception (a name that is closing, a glob that
 * comes back) needed a correction.
 */
#include "broker/redis/redis_channels.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "broker/redis/redis_topics.h"

#define SWEEP_TICKS 10 /* in which a sweep visits `max` names */

struct filter {
    struct list waiting;       /* linked until it is told live */
    struct redis_topic *topic; /* of the topic, or of `a` in `a/#`; else NULL */
    bool is_pattern;
    struct str text;
    char bytes[];
};

struct redis_channels {
    struct redis_channels_config config;
    struct siphash_key key;
    struct table filters;
    struct list waiting; /* filters */
    struct redis_topics topics;
    struct redis_target target;
    struct redis_changes changes;
    bool is_up;
    bool stays_wide;
    uint64_t ready_at; /* changes that must be confirmed after on_up */
    uint64_t barrier;  /* changes made when the sweep was done */
    uint64_t now_ms;
    uint64_t narrow_ms; /* when to choose the target anew; 0: it suits */
};

/* ---- tables ---- */

static bool is_filter(const void *item, const void *key)
{
    return str_eq(((const struct filter *)item)->text, *(const struct str *)key);
}

static uint32_t hash(const struct redis_channels *c, struct str text)
{
    return (uint32_t)siphash(&c->key, 0, text);
}

static struct filter *find_filter(const struct redis_channels *c, struct str text)
{
    return table_find(&c->filters, hash(c, text), is_filter, &text);
}

/* ---- the target ---- */

static void narrow_later(struct redis_channels *c)
{
    if (c->narrow_ms == 0)
        c->narrow_ms = c->now_ms + CHANNELS_LINGER_MS;
}

static void target_changed(struct redis_channels *c, enum redis_target_change change)
{
    if (change == TARGET_SAME || change == TARGET_BUSY)
        return;
    redis_topics_sweep(&c->topics);
    c->barrier = UINT64_MAX;
    if (change == TARGET_WIDENED)
        narrow_later(c);
}

static void settle(struct redis_channels *c, struct redis_topic *topic)
{
    if (!c->is_up || redis_topics_settle(&c->topics, topic))
        return;
    redis_target_widen(&c->target);
    target_changed(c, TARGET_WIDENED);
}

static void sweep(struct redis_channels *c, size_t max)
{
    struct redis_topic *topic;

    while (max-- > 0 && (topic = redis_topics_next(&c->topics)))
        settle(c, topic);
    if (redis_topics_is_swept(&c->topics) && c->barrier == UINT64_MAX)
        c->barrier = c->changes.n_made;
}

static void close_globs(struct redis_channels *c)
{
    redis_target_close(&c->target, c->changes.n_confirmed >= c->barrier);
}

static void narrow(struct redis_channels *c)
{
    size_t most = c->config.max / 5 * 4;
    enum redis_target_change change;

    if (c->narrow_ms == 0 || c->now_ms < c->narrow_ms || !redis_topics_is_swept(&c->topics) ||
        c->stays_wide)
        return;
    if (redis_target_is_wide(&c->target) &&
        (c->topics.table.count > most || c->topics.n_open > most))
        return;
    change = redis_target_narrow(&c->target);
    if (change != TARGET_BUSY)
        c->narrow_ms = 0;
    target_changed(c, change);
}

void redis_channels_on_tick(struct redis_channels *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    redis_topics_on_tick(&c->topics, now_ms);
    if (!c->is_up)
        return;
    narrow(c);
    sweep(c, c->config.max / SWEEP_TICKS + 1);
    redis_topics_close(&c->topics);
    close_globs(c);
}

/* ---- filters ---- */

static bool is_live(const struct redis_channels *c, const struct filter *f)
{
    const struct redis_topic *topic = f->topic;

    if (topic && topic->channel.state != CHANNEL_LIVE &&
        topic->channel.state != CHANNEL_LINGERING &&
        !redis_target_is_live(&c->target, topic->channel.text))
        return false;
    return !f->is_pattern || redis_target_is_live(&c->target, prefix_of(f->text));
}

static void tell(struct redis_channels *c, struct filter *f)
{
    if (!f || !list_linked(&f->waiting) || !is_live(c, f))
        return;
    list_remove(&f->waiting);
    c->config.on_live(c->config.owner, f->text);
}

static struct filter *add_filter(struct redis_channels *c, struct str filter)
{
    struct filter *f = mem_zalloc(sizeof(*f) + filter.n);
    struct str name = filter;

    memcpy(f->bytes, filter.p, filter.n);
    f->text = str_make(f->bytes, filter.n);
    f->is_pattern = filter_is_pattern(filter);
    table_add(&c->filters, f, hash(c, filter));
    if (f->is_pattern) {
        redis_target_add(&c->target, prefix_of(filter));
        if (c->is_up)
            target_changed(c, redis_target_cover(&c->target, prefix_of(filter)));
        name = filter_fixed_prefix(filter);
    }
    if (name.n == 0 || name.p[name.n - 1] == '/')
        return f;
    f->topic = redis_topics_get(&c->topics, name);
    *(f->is_pattern ? &f->topic->tree : &f->topic->own) = f;
    settle(c, f->topic);
    return f;
}

bool redis_channels_want(struct redis_channels *c, struct str filter)
{
    struct filter *f = find_filter(c, filter);

    if (!f)
        f = add_filter(c, filter);
    if (is_live(c, f))
        return true;
    /* A filter that was told live may wait again: new channels may be about to replace old ones. */
    if (c->is_up && !list_linked(&f->waiting))
        list_push(&c->waiting, &f->waiting);
    return false;
}

void redis_channels_unwant(struct redis_channels *c, struct str filter)
{
    struct filter *f = find_filter(c, filter);

    if (!f)
        return;
    if (list_linked(&f->waiting))
        list_remove(&f->waiting);
    if (f->is_pattern) {
        redis_target_remove(&c->target, prefix_of(filter));
        narrow_later(c);
    }
    if (f->topic) {
        *(f->is_pattern ? &f->topic->tree : &f->topic->own) = NULL;
        settle(c, f->topic);
        redis_topics_drop(&c->topics, f->topic);
    }
    table_remove(&c->filters, f, hash(c, filter));
    free(f);
}

/* ---- the connection ---- */

bool redis_channels_on_confirmed(struct redis_channels *c, enum redis_confirmation what,
                                 struct str channel)
{
    struct redis_channel *ch = redis_changes_confirm(&c->changes, what, channel);
    struct redis_topic *topic;

    if (!ch)
        return false;
    if (ch->is_glob) {
        close_globs(c);
        list_for_each_safe(it, &c->waiting) tell(c, container_of(it, struct filter, waiting));
        return true;
    }
    topic = container_of(ch, struct redis_topic, channel);
    if (ch->state == CHANNEL_LIVE) {
        settle(c, topic);
        tell(c, topic->own);
        tell(c, topic->tree);
    }
    redis_topics_drop(&c->topics, topic);
    return true;
}

void redis_channels_on_up(struct redis_channels *c, const struct redis_channels_rights *rights)
{
    bool is_wide = !rights->may_leave || c->topics.table.count > c->config.max;

    assert(!c->is_up);
    c->is_up = true;
    c->stays_wide = !rights->may_leave;
    c->target.is_coarse = !rights->has_globs;
    redis_target_start(&c->target, is_wide);
    target_changed(c, is_wide ? TARGET_WIDENED : TARGET_CHANGED);
    sweep(c, SIZE_MAX);
    c->ready_at = c->changes.n_made;
}

void redis_channels_on_down(struct redis_channels *c)
{
    if (!c->is_up)
        return;
    c->is_up = false;
    redis_changes_reset(&c->changes);
    list_for_each_safe(it, &c->waiting) list_remove(it);
    redis_topics_forget(&c->topics);
    redis_target_forget(&c->target);
    c->narrow_ms = 0;
}

bool redis_channels_is_ready(const struct redis_channels *c)
{
    return c->is_up && c->changes.n_confirmed >= c->ready_at;
}

bool redis_channels_next(struct redis_channels *c, struct redis_command *ret)
{
    return redis_changes_next(&c->changes, ret);
}

bool redis_channels_copy_counts(const struct redis_channels *c, struct str glob, struct str topic)
{
    const struct redis_topic *own = redis_topics_find(&c->topics, topic);

    if (own && redis_channel_is_confirmed(&own->channel))
        return !glob.p;
    return glob.p && redis_target_is_narrowest(&c->target, glob, topic);
}

uint64_t redis_channels_live(const struct redis_channels *c)
{
    return c->changes.n_live;
}

void redis_channels_place(struct redis_channels *c, uint64_t n_live, struct msgid last)
{
    redis_changes_place(&c->changes, n_live, last);
}

void redis_channels_place_topic(struct redis_channels *c, struct str topic, uint64_t n_live,
                                struct msgid last)
{
    struct redis_topic *own = redis_topics_find(&c->topics, topic);

    if (own)
        redis_channel_place(&own->channel, n_live, last);
}

bool redis_channels_brings_from(const struct redis_channels *c, struct str topic, struct msgid *ret)
{
    const struct redis_topic *own = redis_topics_find(&c->topics, topic);

    *ret = redis_target_brings_from(&c->target, topic);
    if (own && !msgid_is_zero(own->channel.from) &&
        (msgid_is_zero(*ret) || msgid_cmp(own->channel.from, *ret) < 0))
        *ret = own->channel.from;
    return !msgid_is_zero(*ret);
}

struct redis_channels_counts redis_channels_count(const struct redis_channels *c)
{
    return (struct redis_channels_counts){
        .names = c->topics.n_open,
        .globs = redis_target_held(&c->target),
        .is_wide = redis_target_is_wide(&c->target),
        .opened = c->changes.n_opened,
        .closed = c->changes.n_closed,
    };
}

void redis_channels_report(const struct redis_channels *c, struct metrics_cell *metrics)
{
    struct redis_channels_counts counts = redis_channels_count(c);

    metrics_set(metrics, METRIC_FEED_NAMES, counts.names);
    metrics_set(metrics, METRIC_FEED_GLOBS, counts.globs);
    metrics_set(metrics, METRIC_FEED_OPENS, counts.opened);
    metrics_set(metrics, METRIC_FEED_CLOSES, counts.closed);
}

struct redis_channels *redis_channels_create(const struct redis_channels_config *config)
{
    struct redis_channels *c = mem_zalloc(sizeof(*c));

    c->config = *config;
    c->key = siphash_key_random();
    c->now_ms = config->now_ms;
    list_init(&c->waiting);
    redis_changes_init(&c->changes, config->names);
    redis_target_init(&c->target, &c->changes);
    redis_topics_init(&c->topics, &c->target, &c->changes, config->max, config->now_ms);
    return c;
}

void redis_channels_free(struct redis_channels *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->filters.cap; i++)
        free(c->filters.slots[i].item);
    table_done(&c->filters);
    redis_topics_done(&c->topics);
    redis_target_done(&c->target);
    redis_changes_done(&c->changes);
    free(c);
}
