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
 *     swept              -           name b, glob a/ ~, name a/1 ?                 the barrier is 1
 *     confirmed                      name b, name a/1
 *
 * Widening is at once: a new prefix beyond GLOBS_STEADY shares a shorter one with its next of kin,
 * and when the places for that are taken, the wide channel takes all. Its place is kept free.
 * Narrowing waits for CHANNELS_LINGER_MS and chooses the target anew. A name beyond `max` widens to
 * the wide channel, too; it is left below four fifths of max, so that it does not come and go.
 *
 * Tried and dropped: to count for each glob the names that only it still covers. Each change of the
 * target then touched all names at once, and each exception (a name that is closing, a glob that
 * comes back) needed a correction of the counts. To unsubscribe a glob in the same pipeline as its
 * successors is safe as well, but it needs all commands at once: 100,000 names are megabytes.
 */
#include "broker/redis/redis_channels.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "broker/redis/redis_prefixes.h"

#define GLOBS_STEADY 12              /* to which narrowing leads */
#define GLOBS_NARROW (GLOBS_MAX - 1) /* the last place is for the wide channel */
#define SWEEP_TICKS  10              /* in which a sweep visits `max` names */

struct filter {
    struct list waiting; /* linked until it is told live */
    struct name *name;   /* of the topic, or of `a` in `a/#`; else NULL */
    bool is_pattern;
    size_t n;
    char text[];
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

struct glob { /* its channel never is LINGERING: out of the target means that */
    struct redis_channel channel;
    bool is_target;
    struct prefix_text prefix;
};

struct redis_channels {
    struct redis_channels_config config;
    struct siphash_key key;
    struct table filters;
    struct table names;
    struct prefixes *prefixes; /* of the patterns */
    struct list all;           /* names */
    struct list lingering;     /* names, the first to close first */
    struct list waiting;       /* filters */
    struct glob globs[GLOBS_MAX];
    struct redis_changes changes;
    struct redis_channels_counts counts;
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
    const struct filter *f = item;

    return str_eq(str_make(f->text, f->n), *(const struct str *)key);
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

static struct glob *target_of(struct redis_channels *c, struct str text)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (c->globs[i].is_target && str_starts_with(text, c->globs[i].channel.text))
            return &c->globs[i];
    }
    return NULL;
}

static bool is_live_by_target(const struct redis_channels *c, struct str text)
{
    const struct glob *g = target_of((struct redis_channels *)c, text);

    return g && g->channel.state == CHANNEL_LIVE;
}

static struct glob *find_glob(struct redis_channels *c, struct str prefix)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (redis_channel_is_held(&c->globs[i].channel) && str_eq(c->globs[i].channel.text, prefix))
            return &c->globs[i];
    }
    return NULL;
}

static size_t count_held(const struct redis_channels *c)
{
    size_t n = 0;

    for (size_t i = 0; i < GLOBS_MAX; i++)
        n += redis_channel_is_held(&c->globs[i].channel);
    return n;
}

/* Finds the glob, or a free place for it, and opens it. */
static struct glob *open_glob(struct redis_channels *c, struct str prefix)
{
    struct glob *g = find_glob(c, prefix);

    for (size_t i = 0; !g && i < GLOBS_MAX; i++) {
        if (!redis_channel_is_held(&c->globs[i].channel))
            g = &c->globs[i];
    }
    assert(g);
    if (g->channel.state != CHANNEL_ABSENT)
        return g;
    memcpy(g->prefix.p, prefix.p, prefix.n);
    g->prefix.n = prefix.n;
    g->channel.is_glob = true;
    g->channel.text = str_make(g->prefix.p, prefix.n);
    redis_changes_open(&c->changes, &g->channel);
    c->counts.opened++;
    return g;
}

static void start_sweep(struct redis_channels *c)
{
    c->swept_to = c->all.next;
    c->barrier = UINT64_MAX;
}

static void set_target(struct redis_channels *c, const struct prefix_text *prefixes, size_t n)
{
    for (size_t i = 0; i < GLOBS_MAX; i++)
        c->globs[i].is_target = false;
    for (size_t i = 0; i < n; i++)
        open_glob(c, str_make(prefixes[i].p, prefixes[i].n))->is_target = true;
    start_sweep(c);
}

static void narrow_later(struct redis_channels *c)
{
    if (c->narrow_ms == 0)
        c->narrow_ms = c->now_ms + CHANNELS_LINGER_MS;
}

static void widen_to_all(struct redis_channels *c)
{
    const struct prefix_text all = { .n = 0 };

    set_target(c, &all, 1);
    narrow_later(c);
}

/* Returns the prefix to add to the target so that it covers this one. */
static struct str choose_prefix(struct redis_channels *c, struct str wanted)
{
    struct str best = str_make(wanted.p, 0), common;

    if (find_glob(c, wanted) || count_held(c) < GLOBS_STEADY)
        return wanted;
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (!c->globs[i].is_target)
            continue;
        common = prefix_common(wanted, c->globs[i].channel.text);
        if (common.n > best.n)
            best = common;
    }
    if (!find_glob(c, best) && count_held(c) >= GLOBS_NARROW)
        best.n = 0;
    narrow_later(c);
    return best;
}

static void cover_prefix(struct redis_channels *c, struct str wanted)
{
    struct str added;
    struct prefix_text target[GLOBS_MAX];
    size_t n = 0;

    if (target_of(c, wanted))
        return;
    added = choose_prefix(c, wanted);
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (c->globs[i].is_target && !str_starts_with(c->globs[i].channel.text, added))
            target[n++] = c->globs[i].prefix;
    }
    target[n].n = added.n;
    memcpy(target[n].p, added.p, added.n);
    set_target(c, target, n + 1);
}

/* ---- names ---- */

/* Makes the name's channel suit the target. */
static void settle_name(struct redis_channels *c, struct name *n)
{
    enum channel_state *state = &n->channel.state;

    if (!c->is_up)
        return;
    if (is_wanted(n) && !target_of(c, n->channel.text)) {
        if (*state == CHANNEL_ABSENT && c->counts.names >= c->config.max) {
            widen_to_all(c);
        } else if (*state == CHANNEL_ABSENT) {
            redis_changes_open(&c->changes, &n->channel);
            c->counts.names++;
            c->counts.opened++;
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
        if (is_wanted(n) && !is_live_by_target(c, n->channel.text)) {
            n->channel.state = CHANNEL_LIVE;
            settle_name(c, n); /* lingers once more, if the target will cover it */
            continue;
        }
        redis_changes_close(&c->changes, &n->channel);
        c->n_closes++;
        c->counts.names--;
        c->counts.closed++;
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

/* ---- closing globs, and narrowing ---- */

static void close_globs(struct redis_channels *c)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        struct glob *g = &c->globs[i];

        if (g->is_target || g->channel.state != CHANNEL_LIVE)
            continue;
        if (is_live_by_target(c, g->channel.text) || c->changes.n_confirmed >= c->barrier) {
            redis_changes_close(&c->changes, &g->channel);
            c->counts.closed++;
        }
    }
}

/* Takes globs out of the target that no pattern needs. Returns whether there were any. */
static bool drop_unneeded(struct redis_channels *c)
{
    bool has_dropped = false;

    for (size_t i = 0; i < GLOBS_MAX; i++) {
        struct glob *g = &c->globs[i];

        if (g->is_target && !prefixes_any_below(c->prefixes, g->channel.text)) {
            g->is_target = false;
            has_dropped = true;
        }
    }
    if (has_dropped)
        start_sweep(c);
    return has_dropped;
}

static bool is_target(struct redis_channels *c, const struct prefix_text *prefix)
{
    const struct glob *g = find_glob(c, str_make(prefix->p, prefix->n));

    return g && g->is_target;
}

/* Reports whether the wide channel is needed for the number of names. */
static bool needs_wide(struct redis_channels *c)
{
    size_t most = c->config.max / 5 * 4;

    return is_target(c, &(struct prefix_text){ .n = 0 }) &&
           (c->names.count > most || c->counts.names > most);
}

/* Chooses the target anew. If the globs of both targets have no room beside each other, first those
 * go that nothing needs; at last all patterns go through the wide channel, whose place is free. */
static void narrow(struct redis_channels *c)
{
    struct prefix_text target[GLOBS_STEADY];
    size_t n, n_new = 0, n_same = 0, n_old = 0;

    if (c->narrow_ms == 0 || c->now_ms < c->narrow_ms || c->swept_to != &c->all || needs_wide(c))
        return;
    n = prefixes_choose(c->prefixes, GLOBS_STEADY, target);
    for (size_t i = 0; i < n; i++) {
        n_new += !find_glob(c, str_make(target[i].p, target[i].n));
        n_same += is_target(c, &target[i]);
    }
    for (size_t i = 0; i < GLOBS_MAX; i++)
        n_old += c->globs[i].is_target;
    if (n_new > 0 && count_held(c) + n_new > GLOBS_NARROW) {
        if (!drop_unneeded(c) && count_held(c) == n_old) {
            c->narrow_ms = 0;
            widen_to_all(c);
        }
        return;
    }
    c->narrow_ms = 0;
    if (n_same != n || n_old != n)
        set_target(c, target, n);
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
    struct str text = str_make(f->text, f->n);
    const struct name *n = f->name;

    if (n && n->channel.state != CHANNEL_LIVE && n->channel.state != CHANNEL_LINGERING &&
        !is_live_by_target(c, n->channel.text))
        return false;
    return !f->is_pattern || is_live_by_target(c, prefix_of(text));
}

bool redis_channels_is_live(const struct redis_channels *c, struct str filter)
{
    const struct filter *f = find_filter(c, filter);

    return f && is_live(c, f);
}

static void tell(struct redis_channels *c, struct filter *f)
{
    if (!f || !list_linked(&f->waiting) || !is_live(c, f))
        return;
    list_remove(&f->waiting);
    c->config.on_live(c->config.owner, str_make(f->text, f->n));
}

static struct filter *add_filter(struct redis_channels *c, struct str filter)
{
    struct filter *f = mem_zalloc(sizeof(*f) + filter.n);
    struct str name = filter;

    f->n = filter.n;
    memcpy(f->text, filter.p, filter.n);
    f->is_pattern = filter_is_pattern(filter);
    table_add(&c->filters, f, hash(c, filter));
    if (f->is_pattern) {
        prefixes_add(c->prefixes, prefix_of(filter));
        if (c->is_up)
            cover_prefix(c, prefix_of(filter));
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
        prefixes_remove(c->prefixes, prefix_of(filter));
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
    if (ch->is_glob && ch->state == CHANNEL_LIVE) {
        close_globs(c);
        list_for_each_safe(it, &c->waiting) tell(c, container_of(it, struct filter, waiting));
    }
    if (ch->is_glob)
        return true;
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
    struct prefix_text target[GLOBS_STEADY] = { { .n = 0 } };
    size_t n = 1;

    assert(!c->is_up);
    c->is_up = true;
    if (c->names.count <= c->config.max)
        n = prefixes_choose(c->prefixes, GLOBS_STEADY, target);
    else
        narrow_later(c);
    set_target(c, target, n);
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
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        redis_changes_forget(&c->globs[i].channel);
        c->globs[i].is_target = false;
    }
    c->counts.names = 0;
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

bool redis_channels_is_copy(struct redis_channels *c, struct str glob, struct str topic)
{
    const struct name *n = find_name(c, topic);
    const struct glob *best = NULL;

    if (!glob.p || (n && redis_channel_is_confirmed(&n->channel)))
        return !glob.p && n && redis_channel_is_confirmed(&n->channel);
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        const struct redis_channel *ch = &c->globs[i].channel;

        if (redis_channel_is_confirmed(ch) && str_starts_with(topic, ch->text) &&
            (!best || ch->text.n > best->channel.text.n))
            best = &c->globs[i];
    }
    return best && redis_changes_is_channel(&c->changes, &best->channel, glob);
}

struct redis_channels_counts redis_channels_count(const struct redis_channels *c)
{
    struct redis_channels_counts counts = c->counts;

    counts.globs = count_held(c);
    counts.is_wide = is_live_by_target(c, STR(""));
    return counts;
}

struct redis_channels *redis_channels_create(const struct redis_channels_config *config)
{
    struct redis_channels *c = mem_zalloc(sizeof(*c));

    c->config = *config;
    c->key = siphash_key_random();
    c->now_ms = config->now_ms;
    c->prefixes = prefixes_create();
    list_init(&c->all);
    list_init(&c->lingering);
    list_init(&c->waiting);
    c->swept_to = &c->all;
    redis_changes_init(&c->changes, config->names);
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
    prefixes_free(c->prefixes);
    redis_changes_done(&c->changes);
    free(c);
}
