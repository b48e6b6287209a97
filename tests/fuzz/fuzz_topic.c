/* Property: the checks, matching, covering and the trie agree with a naive matcher that follows the
 * rules word by word.
 * The first line of the input is a topic, the others are filters. All lines go through the validity
 * checks, each pair of valid filters through filter_covers, and all valid filters into one trie.
 */
#include "hub/topic.h"
#include "hub/trie.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define LINES_MAX  24
#define LEVELS_MAX (2 * TOPIC_MAX + 2)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct levels {
    size_t n;
    struct str level[LEVELS_MAX];
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is(struct str level, const char *text)
{
    return str_eq(level, str_of(text));
}

/* ---- the naive rules ---- */

static void split(struct str s, struct levels *out)
{
    size_t from = 0;

    out->n = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/')
            continue;
        out->level[out->n++] = str_make(s.p + from, i - from);
        from = i + 1;
    }
}

static bool naive_level_is_text(struct str level)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    for (size_t i = 0; i < level.n; i++) {
        if (!memchr(alphabet, level.p[i], sizeof(alphabet) - 1))
            return false;
    }
    return true;
}

/* 0: invalid, 1: topic, 2: pattern. */
static int naive_kind(struct str s)
{
    static struct levels l;
    int kind = 1;

    if (s.n == 0 || s.n > TOPIC_MAX)
        return 0;
    split(s, &l);
    if (l.level[0].n == 0 || l.level[l.n - 1].n == 0)
        return 0;
    for (size_t i = 0; i < l.n; i++) {
        if (is(l.level[i], "+") || (is(l.level[i], "#") && i == l.n - 1))
            kind = 2;
        else if (!naive_level_is_text(l.level[i]))
            return 0;
    }
    return kind;
}

static bool naive_matches(const struct levels *filter, const struct levels *topic)
{
    bool has_hash = is(filter->level[filter->n - 1], "#");
    size_t fixed = filter->n - has_hash;

    if (topic->n < fixed || (topic->n > fixed && !has_hash))
        return false;
    for (size_t i = 0; i < fixed; i++) {
        if (!is(filter->level[i], "+") && !str_eq(filter->level[i], topic->level[i]))
            return false;
    }
    return true;
}

/* Builds a topic that narrow matches: `~`, which no filter can name, for each `+`, and for_hash
 * times `~` for its `#`. */
static void make_witness(const struct levels *narrow, size_t for_hash, struct levels *out)
{
    out->n = 0;
    for (size_t i = 0; i < narrow->n; i++) {
        if (is(narrow->level[i], "#"))
            break;
        out->level[out->n++] = is(narrow->level[i], "+") ? STR("~") : narrow->level[i];
    }
    while (for_hash--)
        out->level[out->n++] = STR("~");
}

static bool witness_is_topic(const struct levels *w)
{
    return w->n > 0 && w->level[0].n > 0 && w->level[w->n - 1].n > 0;
}

static bool covers_witness(const struct levels *wide, const struct levels *narrow, size_t for_hash)
{
    static struct levels witness;

    make_witness(narrow, for_hash, &witness);
    return !witness_is_topic(&witness) || naive_matches(wide, &witness);
}

/* wide covers narrow exactly if it matches the witnesses of narrow: those with no level for `#`,
 * with one, and with more levels than wide has. */
static bool naive_covers(struct str wide, struct str narrow)
{
    static struct levels w, n;

    split(wide, &w);
    split(narrow, &n);
    if (!is(n.level[n.n - 1], "#"))
        return covers_witness(&w, &n, 0);
    return covers_witness(&w, &n, 0) && covers_witness(&w, &n, 1) &&
           covers_witness(&w, &n, w.n + 1);
}

/* ---- the properties ---- */

static void check_validity(struct str s)
{
    int kind = naive_kind(s);

    require(topic_is_valid(s) == (kind == 1));
    require(pattern_is_valid(s) == (kind == 2));
    require(filter_is_valid(s) == (kind != 0));
    if (kind)
        require(filter_is_pattern(s) == (kind == 2));
}

static void check_match(struct str filter, struct str topic)
{
    static struct levels f, t;
    bool want;

    split(filter, &f);
    split(topic, &t);
    want = naive_matches(&f, &t);
    require(filter_matches(filter, topic) == want);
    require(filter_covers(filter, topic) == want);
    if (want)
        require(str_starts_with(topic, filter_fixed_prefix(filter)));
}

struct entry {
    struct trie_sub sub;
    struct str filter;
    unsigned reported;
};

static void on_match(struct trie_sub *s, void *arg)
{
    (void)arg;
    container_of(s, struct entry, sub)->reported++;
}

/* Checks that each entry from `first` on is reported once if it matches, and no other is
 * reported. */
static void check_trie(struct trie *t, struct entry *entries, size_t first, size_t n,
                       struct str topic)
{
    trie_match(t, topic, on_match, NULL);
    for (size_t i = 0; i < n; i++) {
        bool want = i >= first && filter_matches(entries[i].filter, topic);

        require(entries[i].reported == (unsigned)want);
        entries[i].reported = 0;
    }
}

static void add_entry(struct trie *t, struct entry *e, struct str filter)
{
    char out[TOPIC_MAX];

    *e = (struct entry){ .filter = filter };
    trie_add(t, filter, &e->sub);
    require(str_eq(str_make(out, trie_filter(&e->sub, out)), filter));
}

static void run(struct str topic, const struct str *filters, size_t n)
{
    struct trie *t = trie_create();
    struct entry entries[LINES_MAX];

    for (size_t i = 0; i < n; i++)
        add_entry(t, &entries[i], filters[i]);
    for (size_t i = 0; i < n; i++) {
        if (topic.n)
            check_trie(t, entries, i, n, topic);
        trie_remove(t, &entries[i].sub);
    }
    require(trie_node_count(t) == 0);
    trie_free(t);
}

static void check_pairs(const struct str *filters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            require(filter_covers(filters[i], filters[j]) == naive_covers(filters[i], filters[j]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str rest = str_make((const char *)p, n);
    struct str topic = { NULL, 0 };
    struct str filters[LINES_MAX];
    struct str line;
    size_t n_filters = 0;

    if (str_cut(&rest, '\n', &line)) {
        check_validity(line);
        topic = topic_is_valid(line) ? line : topic;
    }
    while (n_filters < LINES_MAX && str_cut(&rest, '\n', &line)) {
        check_validity(line);
        if (!filter_is_valid(line))
            continue;
        filters[n_filters++] = line;
        if (topic.n)
            check_match(line, topic);
    }
    check_pairs(filters, n_filters);
    run(topic, filters, n_filters);
    return 0;
}
