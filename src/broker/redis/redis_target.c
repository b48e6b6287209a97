/* redis_target.c - the rules by which a few globs cover all patterns.
 *
 * GLOBS_MAX places hold the globs, also those that are about to be closed. Narrowing fills at most
 * GLOBS_STEADY of them. While these are not all taken, each new prefix gets a glob of its own. Then
 * a new prefix shares a shorter one with the glob that has most levels in common, which needs a
 * place until the globs that it covers are closed: there are three. When these are taken, or no
 * level is in common, the wide channel takes all, and its place is always free:
 *
 *     a/1/ .. a/6/ b/1/ .. b/6/     12 places; new: a/7/
 *     a/ b/1/ .. b/6/               12 + 1 places until a/ is confirmed, then 7; new: c/
 *     a/ b/1/ .. b/6/ c/            8 places
 */
#include "broker/redis/redis_target.h"

#include <assert.h>

#define GLOBS_STEADY 12              /* to which narrowing leads */
#define GLOBS_NARROW (GLOBS_MAX - 1) /* the last place is for the wide channel */

static const struct redis_glob *find_target(const struct redis_target *t, struct str text)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (t->globs[i].is_target && str_starts_with(text, t->globs[i].channel.text))
            return &t->globs[i];
    }
    return NULL;
}

bool redis_target_covers(const struct redis_target *t, struct str text)
{
    return find_target(t, text) != NULL;
}

bool redis_target_is_live(const struct redis_target *t, struct str text)
{
    const struct redis_glob *g = find_target(t, text);

    return g && g->channel.state == CHANNEL_LIVE;
}

bool redis_target_is_wide(const struct redis_target *t)
{
    return redis_target_covers(t, STR(""));
}

static struct redis_glob *find_held(struct redis_target *t, struct str prefix)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (redis_channel_is_held(&t->globs[i].channel) && str_eq(t->globs[i].channel.text, prefix))
            return &t->globs[i];
    }
    return NULL;
}

size_t redis_target_held(const struct redis_target *t)
{
    size_t n = 0;

    for (size_t i = 0; i < GLOBS_MAX; i++)
        n += redis_channel_is_held(&t->globs[i].channel);
    return n;
}

/* Chooses at most GLOBS_STEADY globs for all patterns. */
static size_t choose(const struct redis_target *t, struct prefix_text *ret)
{
    size_t n = prefixes_choose(t->prefixes, GLOBS_STEADY, ret);

    if (n == 0 || !t->is_coarse)
        return n;
    ret[0].n = 0;
    return 1;
}

/* Finds the glob, or a free place for it, and opens it. */
static struct redis_glob *open_glob(struct redis_target *t, struct str prefix)
{
    struct redis_glob *g = find_held(t, prefix);

    for (size_t i = 0; !g && i < GLOBS_MAX; i++) {
        if (!redis_channel_is_held(&t->globs[i].channel))
            g = &t->globs[i];
    }
    assert(g);
    if (g->channel.state != CHANNEL_ABSENT)
        return g;
    if (prefix.n)
        memcpy(g->prefix.p, prefix.p, prefix.n);
    g->prefix.n = prefix.n;
    g->channel.is_glob = true;
    g->channel.text = str_make(g->prefix.p, prefix.n);
    redis_changes_open(t->changes, &g->channel);
    return g;
}

static void set(struct redis_target *t, const struct prefix_text *prefixes, size_t n)
{
    for (size_t i = 0; i < GLOBS_MAX; i++)
        t->globs[i].is_target = false;
    for (size_t i = 0; i < n; i++)
        open_glob(t, str_make(prefixes[i].p, prefixes[i].n))->is_target = true;
}

void redis_target_widen(struct redis_target *t)
{
    const struct prefix_text all = { .n = 0 };

    set(t, &all, 1);
}

void redis_target_start(struct redis_target *t, bool is_wide)
{
    struct prefix_text target[GLOBS_STEADY];

    if (is_wide)
        redis_target_widen(t);
    else
        set(t, target, choose(t, target));
}

void redis_target_add(struct redis_target *t, struct str prefix)
{
    prefixes_add(t->prefixes, prefix);
}

void redis_target_remove(struct redis_target *t, struct str prefix)
{
    prefixes_remove(t->prefixes, prefix);
}

/* Returns the longest prefix with room that covers this one. */
static struct str choose_wider(struct redis_target *t, struct str prefix)
{
    size_t best = 0; /* bytes of prefix */

    for (size_t i = 0; i < GLOBS_MAX; i++) {
        size_t n = prefix_common(prefix, t->globs[i].channel.text).n;

        if (t->globs[i].is_target && n > best)
            best = n;
    }
    if (t->is_coarse ||
        (!find_held(t, str_make(prefix.p, best)) && redis_target_held(t) >= GLOBS_NARROW))
        best = 0;
    return str_make(prefix.p, best);
}

enum redis_target_change redis_target_cover(struct redis_target *t, struct str prefix)
{
    bool has_room = !t->is_coarse && (find_held(t, prefix) || redis_target_held(t) < GLOBS_STEADY);
    struct prefix_text target[GLOBS_MAX];
    struct str added;
    size_t n = 0;

    if (redis_target_covers(t, prefix))
        return TARGET_SAME;
    added = has_room ? prefix : choose_wider(t, prefix);
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        if (t->globs[i].is_target && !str_starts_with(t->globs[i].channel.text, added))
            target[n++] = t->globs[i].prefix;
    }
    target[n].n = added.n;
    if (added.n)
        memcpy(target[n].p, added.p, added.n);
    set(t, target, n + 1);
    return has_room ? TARGET_CHANGED : TARGET_WIDENED;
}

/* Takes globs out of the target that no pattern needs. Returns whether there were any. */
static bool drop_unneeded(struct redis_target *t)
{
    bool has_dropped = false;

    for (size_t i = 0; i < GLOBS_MAX; i++) {
        struct redis_glob *g = &t->globs[i];

        if (g->is_target && !prefixes_any_below(t->prefixes, g->channel.text)) {
            g->is_target = false;
            has_dropped = true;
        }
    }
    return has_dropped;
}

/* If the globs of both targets have no room beside each other, first those go that no pattern
 * needs; at last the wide channel takes all, and the next call begins from there. */
enum redis_target_change redis_target_narrow(struct redis_target *t)
{
    struct prefix_text target[GLOBS_STEADY];
    size_t n = choose(t, target);
    size_t n_new = 0, n_same = 0, n_old = 0;
    const struct redis_glob *g;

    for (size_t i = 0; i < n; i++) {
        g = find_held(t, str_make(target[i].p, target[i].n));
        n_new += !g;
        n_same += g && g->is_target;
    }
    for (size_t i = 0; i < GLOBS_MAX; i++)
        n_old += t->globs[i].is_target;
    if (n_same == n && n_old == n)
        return TARGET_SAME;
    if (n_new == 0 || redis_target_held(t) + n_new <= GLOBS_NARROW) {
        set(t, target, n);
        return TARGET_CHANGED;
    }
    if (redis_target_held(t) > n_old)
        return TARGET_BUSY;
    if (drop_unneeded(t))
        return TARGET_WIDENED;
    redis_target_widen(t);
    return TARGET_WIDENED;
}

void redis_target_close(struct redis_target *t, bool is_needless)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        struct redis_glob *g = &t->globs[i];

        if (!g->is_target && g->channel.state == CHANNEL_LIVE &&
            (is_needless || redis_target_is_live(t, g->channel.text)))
            redis_changes_close(t->changes, &g->channel);
    }
}

void redis_target_forget(struct redis_target *t)
{
    for (size_t i = 0; i < GLOBS_MAX; i++) {
        redis_changes_forget(&t->globs[i].channel);
        t->globs[i].is_target = false;
    }
}

bool redis_target_is_narrowest(const struct redis_target *t, struct str glob, struct str topic)
{
    const struct redis_channel *best = NULL;

    for (size_t i = 0; i < GLOBS_MAX; i++) {
        const struct redis_channel *ch = &t->globs[i].channel;

        if (redis_channel_is_confirmed(ch) && str_starts_with(topic, ch->text) &&
            (!best || ch->text.n > best->text.n))
            best = ch;
    }
    return best && redis_changes_is_channel(t->changes, best, glob);
}

struct msgid redis_target_brings_from(const struct redis_target *t, struct str topic)
{
    struct msgid from = { 0 };

    for (size_t i = 0; i < GLOBS_MAX; i++) {
        const struct redis_channel *ch = &t->globs[i].channel;

        if (!msgid_is_zero(ch->from) && str_starts_with(topic, ch->text) &&
            (msgid_is_zero(from) || msgid_cmp(ch->from, from) < 0))
            from = ch->from;
    }
    return from;
}

void redis_target_init(struct redis_target *t, struct redis_changes *changes)
{
    *t = (struct redis_target){ .changes = changes, .prefixes = prefixes_create() };
}

void redis_target_done(struct redis_target *t)
{
    prefixes_free(t->prefixes);
}
