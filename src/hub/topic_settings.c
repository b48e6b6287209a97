#include "hub/topic_settings.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hub/topic.h"
#include "hub/trie.h"

#define WORDS 4

struct row {
    struct trie_sub sub;
    struct str pattern; /* a view of the text */
    size_t line;
    struct topic_setting setting;
};

struct topic_settings {
    atomic_uint refs;
    size_t n;
    struct trie *trie;
    struct row *rows; /* narrower ones first, of those that match the same topic */
};

/* ---- the order of patterns ---- */

static int rank_of(struct str level)
{
    if (str_eq(level, STR("#")))
        return 2;
    return str_eq(level, STR("+")) ? 1 : 0;
}

/* Compares names by length first: their order does not matter, but it must be one. */
static int compare_names(struct str a, struct str b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static int compare_patterns(struct str a, struct str b)
{
    struct str x, y;

    while (str_cut(&a, '/', &x)) {
        int rank = rank_of(x), other;

        if (!str_cut(&b, '/', &y))
            return 1; /* `a/#` is wider than `a`, and matches it */
        other = rank_of(y);
        if (rank != other)
            return rank - other;
        if (!str_eq(x, y))
            return compare_names(x, y);
    }
    return b.p ? -1 : 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = compare_patterns(x->pattern, y->pattern);

    if (order)
        return order;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* ---- one line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Splits a line at its blanks. Returns how many words there are, at most WORDS + 1. */
static size_t split(struct str line, struct str ret[WORDS + 1])
{
    size_t n = 0;

    while ((line = str_trim(line)).n && n <= WORDS) {
        size_t end = 0;

        while (end < line.n && !is_blank(line.p[end]))
            end++;
        ret[n++] = str_make(line.p, end);
        line = str_skip(line, end);
    }
    return n;
}

static bool read_value(struct str word, uint64_t max, uint64_t *ret)
{
    *ret = 0;
    if (str_eq(word, STR("-")))
        return true;
    return str_parse_u64(word, ret) == EH_OK && *ret >= 1 && *ret <= max;
}

static bool read_size(struct str word, uint64_t max, uint64_t *ret)
{
    *ret = 0;
    if (str_eq(word, STR("-")))
        return true;
    return str_parse_size(word, ret) == EH_OK && *ret >= 1 && *ret <= max;
}

static int refuse(struct buf *why, size_t line, const char *what)
{
    buf_addf(why, "%zu: %s", line, what);
    return EH_EINVAL;
}

static int read_values(const struct str words[WORDS], uint64_t max_size, struct row *row,
                       struct buf *why)
{
    if (!read_value(words[1], TOPIC_SETTINGS_LENGTH, &row->setting.max_length))
        return refuse(why, row->line, "max_length must be a number from 1 to 1000000000, or -");
    if (!read_value(words[2], TOPIC_SETTINGS_TTL_S, &row->setting.ttl_s))
        return refuse(why, row->line, "ttl must be a number of seconds from 1 to 31536000, or -");
    if (read_size(words[3], max_size, &row->setting.max_size))
        return EH_OK;
    buf_addf(why,
             "%zu: max_message_size must be a size in bytes, or with the suffix k or m, from 1 to "
             "%" PRIu64 " (MAX_MESSAGE_SIZE), or -",
             row->line, max_size);
    return EH_EINVAL;
}

/* A line that begins with # is a comment. `# 100 60 1k` would be one, too, although its author
 * means the pattern # that matches everything. */
static bool is_meant_for_all(const struct str words[WORDS], size_t n)
{
    uint64_t ignored;

    return n == WORDS && str_eq(words[0], STR("#")) && read_value(words[1], UINT64_MAX, &ignored) &&
           read_value(words[2], UINT64_MAX, &ignored) && read_size(words[3], UINT64_MAX, &ignored);
}

static int read_row(struct str line, uint64_t max_size, struct row *row, struct buf *why)
{
    struct str words[WORDS + 1];
    size_t n = split(line, words);

    if (n == 0)
        return EH_ENOENT;
    if (is_meant_for_all(words, n))
        return refuse(why, row->line,
                      "a line that begins with # is a comment: for all topics, set the server's "
                      "options, or write +/#");
    if (words[0].p[0] == '#')
        return EH_ENOENT;
    if (n != WORDS)
        return refuse(why, row->line,
                      "a line must have four words: pattern max_length ttl max_message_size");
    if (!filter_is_valid(words[0]))
        return refuse(why, row->line, "the first word must be a valid topic or pattern");
    row->pattern = words[0];
    return read_values(words, max_size, row, why);
}

/* ---- all lines ---- */

static int read_rows(struct str text, uint64_t max_size, struct topic_settings *s, struct buf *why)
{
    struct str line;

    for (size_t number = 1; str_cut(&text, '\n', &line); number++) {
        struct row row = { .line = number };
        int rc;

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        rc = read_row(line, max_size, &row, why);
        if (rc == EH_ENOENT)
            continue;
        EH_TRY(rc);
        if (s->n == TOPIC_SETTINGS_MAX)
            return refuse(why, number, "there may be at most 1000 patterns");
        s->rows[s->n++] = row;
    }
    return EH_OK;
}

static int find_repeated(const struct topic_settings *s, struct buf *why)
{
    for (size_t i = 1; i < s->n; i++) {
        if (!str_eq(s->rows[i - 1].pattern, s->rows[i].pattern))
            continue;
        buf_addf(why, "%zu: the pattern is already on line %zu", s->rows[i].line,
                 s->rows[i - 1].line);
        return EH_EINVAL;
    }
    return EH_OK;
}

int topic_settings_parse(struct str text, uint64_t max_size, struct topic_settings **ret,
                         struct buf *why)
{
    struct topic_settings *s = mem_zalloc(sizeof(*s));
    int rc;

    atomic_init(&s->refs, 1);
    s->rows = mem_zalloc(TOPIC_SETTINGS_MAX * sizeof(s->rows[0]));
    rc = read_rows(text, max_size, s, why);
    if (rc == EH_OK) {
        qsort(s->rows, s->n, sizeof(s->rows[0]), compare_rows);
        rc = find_repeated(s, why);
    }
    if (rc < 0) {
        topic_settings_unref(s);
        return rc;
    }
    s->trie = trie_create();
    for (size_t i = 0; i < s->n; i++) {
        trie_add(s->trie, s->rows[i].pattern, &s->rows[i].sub);
        s->rows[i].pattern = STR(""); /* the text is the caller's; the trie has a copy */
    }
    *ret = s;
    return EH_OK;
}

struct topic_settings *topic_settings_ref(struct topic_settings *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void topic_settings_unref(struct topic_settings *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; s->trie && i < s->n; i++)
        trie_remove(s->trie, &s->rows[i].sub);
    trie_free(s->trie);
    free(s->rows);
    free(s);
}

size_t topic_settings_count(const struct topic_settings *s)
{
    return s->n;
}

static void take_narrower(struct trie_sub *sub, void *arg)
{
    const struct row *row = container_of(sub, struct row, sub), **best = arg;

    if (!*best || row < *best)
        *best = row;
}

struct topic_setting topic_settings_find(const struct topic_settings *s, struct str topic)
{
    const struct row *best = NULL;

    trie_match(s->trie, topic, take_narrower, &best);
    return best ? best->setting : (struct topic_setting){ 0 };
}
