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
#include "broker/redis/redis_target.h"

#define SWEEP_TICKS 10 /* in which a sweep visits `max` names */

struct filter {
    struct list waiting; /* linked until it is told live */
    struct name *name;   /* of the topic, or of `a` in `a/#`; else NULL */
    bool is_pattern;
    struct str text;
    char bytes[];
};

struct name { /* lives while it is wanted or held */
    struct redis_channel channel;
    struct list all;
    struct list lingering;
    uint64_t lingers_until_ms;
    struct filter *topic; /* filters that want it: the topic itself, */
    struct filter *tree;  /* and `topic/#` */
    char text[];
};

struct redis_channels {
    struct redis_channels_config config;
    struct siphash_key key;
    struct table filters;
    struct table names;
    struct list all;       /* names */
    struct list lingering; /* names, the first to close first */
    struct list waiting;   /* filters */
    struct redis_target target;
    struct redis_changes changes;
    size_t n_open; /* names that are not ABSENT */
    bool is_up;
    uint64_t ready_at;     /* changes that must be confirmed after on_up */
    struct list *swept_to; /* all names before it suit the target; &all: the sweep is done */
    uint64_t barrier;      /* changes made when the sweep was done */
    uint64_t now_ms;
    uint64_t narrow_ms; /* when to choose the target anew; 0: it suits */
    uint64_t closes_ms; /* when the current second of closes began */
    size_t n_closes;
};

/* ---- tables ---- */

static bool is_filter(const void *item, const void *key)
{
    return str_eq(((const struct filter *)item)->text, *(const struct str *)key);
}

static bool is_name(const void *item, const void *key)
{
    return str_eq(((const struct name *)item)->channel.text, *(const struct str *)key);
}

static uint32_t hash(const struct redis_channels *c, struct str text)
{
    return (uint32_t)siphash(&c->key, 0, text);
}

static struct filter *find_filter(const struct redis_channels *c, struct str text)
{
    return table_find(&c->filters, hash(c, text), is_filter, &text);
}

static struct name *find_name(const struct redis_channels *c, struct str topic)
{
    return table_find(&c->names, hash(c, topic), is_name, &topic);
}

static struct name *get_name(struct redis_channels *c, struct str topic)
{
    struct name *n = find_name(c, topic);

    if (n)
        return n;
    n = mem_zalloc(sizeof(*n) + topic.n);
    memcpy(n->text, topic.p, topic.n);
    n->channel.text = str_make(n->text, topic.n);
    table_add(&c->names, n, hash(c, topic));
    list_push(&c->all, &n->all);
    return n;
}

static bool is_wanted(const struct name *n)
{
    return n->topic || n->tree;
}

static void drop_name(struct redis_channels *c, struct name *n)
{
    if (is_wanted(n) || redis_channel_is_held(&n->channel))
        return;
    if (c->swept_to == &n->all)
        c->swept_to = n->all.next;
    table_remove(&c->names, n, hash(c, n->channel.text));
    list_remove(&n->all);
    free(n);
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
    c->swept_to = c->all.next;
    c->barrier = UINT64_MAX;
    if (change == TARGET_WIDENED)
        narrow_later(c);
}

/* ---- names ---- */

/* Makes the name's channel suit the target. */
static void settle_name(struct redis_channels *c, struct name *n)
{
    enum channel_state *state = &n->channel.state;

    if (!c->is_up)
        return;
    if (is_wanted(n) && !redis_target_covers(&c->target, n->channel.text)) {
        if (*state == CHANNEL_ABSENT && c->n_open >= c->config.max) {
            redis_target_widen(&c->target);
            target_changed(c, TARGET_WIDENED);
        } else if (*state == CHANNEL_ABSENT) {
            redis_changes_open(&c->changes, &n->channel);
            c->n_open++;
        } else if (*state == CHANNEL_LINGERING) {
            *state = CHANNEL_LIVE;
            list_remove(&n->lingering);
        }
    } else if (*state == CHANNEL_LIVE) {
        *state = CHANNEL_LINGERING;
        n->lingers_until_ms = c->now_ms + CHANNELS_LINGER_MS;
        list_push(&c->lingering, &n->lingering);
    }
}

static void close_names(struct redis_channels *c)
{
    struct list *link;

    while (c->n_closes < CLOSES_MAX && (link = list_first(&c->lingering))) {
        struct name *n = container_of(link, struct name, lingering);

        if (n->lingers_until_ms > c->now_ms)
            return;
        list_remove(link);
        if (is_wanted(n) && !redis_target_is_live(&c->target, n->channel.text)) {
            n->channel.state = CHANNEL_LIVE;
            settle_name(c, n); /* lingers once more, if the target will cover it */
            continue;
        }
        redis_changes_close(&c->changes, &n->channel);
        c->n_closes++;
        c->n_open--;
    }
}

static void sweep(struct redis_channels *c, size_t max)
{
    for (; max > 0 && c->swept_to != &c->all; max--) {
        struct name *n = container_of(c->swept_to, struct name, all);

        c->swept_to = c->swept_to->next;
        settle_name(c, n);
    }
    if (c->swept_to == &c->all && c->barrier == UINT64_MAX)
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

    if (c->narrow_ms == 0 || c->now_ms < c->narrow_ms || c->swept_to != &c->all)
        return;
    if (redis_target_is_wide(&c->target) && (c->names.count > most || c->n_open > most))
        return;
    change = redis_target_narrow(&c->target);
    if (change != TARGET_BUSY)
        c->narrow_ms = 0;
    target_changed(c, change);
}

void redis_channels_on_tick(struct redis_channels *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (now_ms - c->closes_ms >= 1000) {
        c->closes_ms = now_ms;
        c->n_closes = 0;
    }
    if (!c->is_up)
        return;
    narrow(c);
    sweep(c, c->config.max / SWEEP_TICKS + 1);
    close_names(c);
    close_globs(c);
}

/* ---- filters ---- */

static bool is_live(const struct redis_channels *c, const struct filter *f)
{
    const struct name *n = f->name;

    if (n && n->channel.state != CHANNEL_LIVE && n->channel.state != CHANNEL_LINGERING &&
        !redis_target_is_live(&c->target, n->channel.text))
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
    f->name = get_name(c, name);
    *(f->is_pattern ? &f->name->tree : &f->name->topic) = f;
    settle_name(c, f->name);
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
    if (f->name) {
        *(f->is_pattern ? &f->name->tree : &f->name->topic) = NULL;
        settle_name(c, f->name);
        drop_name(c, f->name);
    }
    table_remove(&c->filters, f, hash(c, filter));
    free(f);
}

/* ---- the connection ---- */

bool redis_channels_on_confirmed(struct redis_channels *c, enum redis_confirmation what,
                                 struct str channel)
{
    struct redis_channel *ch = redis_changes_confirm(&c->changes, what, channel);
    struct name *n;

    if (!ch)
        return false;
    if (ch->is_glob) {
        close_globs(c);
        list_for_each_safe(it, &c->waiting) tell(c, container_of(it, struct filter, waiting));
        return true;
    }
    n = container_of(ch, struct name, channel);
    if (ch->state == CHANNEL_LIVE) {
        settle_name(c, n);
        tell(c, n->topic);
        tell(c, n->tree);
    }
    drop_name(c, n);
    return true;
}

void redis_channels_on_up(struct redis_channels *c)
{
    bool is_wide = c->names.count > c->config.max;

    assert(!c->is_up);
    c->is_up = true;
    redis_target_start(&c->target, is_wide);
    target_changed(c, is_wide ? TARGET_WIDENED : TARGET_CHANGED);
    sweep(c, SIZE_MAX);
    c->ready_at = c->changes.n_made;
}

void redis_channels_on_down(struct redis_channels *c)
{
    c->is_up = false;
    redis_changes_reset(&c->changes);
    list_for_each_safe(it, &c->waiting) list_remove(it);
    list_for_each_safe(it, &c->lingering) list_remove(it);
    list_for_each_safe(it, &c->all)
    {
        struct name *n = container_of(it, struct name, all);

        redis_changes_forget(&n->channel);
        drop_name(c, n);
    }
    redis_target_forget(&c->target);
    c->n_open = 0;
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

bool redis_channels_is_copy(const struct redis_channels *c, struct str glob, struct str topic)
{
    const struct name *n = find_name(c, topic);

    if (n && redis_channel_is_confirmed(&n->channel))
        return !glob.p;
    return glob.p && redis_target_is_narrowest(&c->target, glob, topic);
}

struct redis_channels_counts redis_channels_count(const struct redis_channels *c)
{
    return (struct redis_channels_counts){
        .names = c->n_open,
        .globs = redis_target_held(&c->target),
        .is_wide = redis_target_is_wide(&c->target),
        .opened = c->changes.n_opened,
        .closed = c->changes.n_closed,
    };
}

struct redis_channels *redis_channels_create(const struct redis_channels_config *config)
{
    struct redis_channels *c = mem_zalloc(sizeof(*c));

    c->config = *config;
    c->key = siphash_key_random();
    c->now_ms = config->now_ms;
    list_init(&c->all);
    list_init(&c->lingering);
    list_init(&c->waiting);
    c->swept_to = &c->all;
    redis_changes_init(&c->changes, config->names);
    redis_target_init(&c->target, &c->changes);
    return c;
}

void redis_channels_free(struct redis_channels *c)
{
    if (!c)
        return;
    list_for_each_safe(it, &c->all) free(container_of(it, struct name, all));
    for (size_t i = 0; i < c->filters.cap; i++)
        free(c->filters.slots[i].item);
    table_done(&c->filters);
    table_done(&c->names);
    redis_target_done(&c->target);
    redis_changes_done(&c->changes);
    free(c);
}
