#include "ctl/top/top_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ctl/term/clean.h"

#define GAP      2  /* blanks between columns */
#define NAME_MIN 24 /* of the name, if it is that long: columns that leave less are left out */

const struct top_sort_key top_sorts[TOP_SORTS] = {
    [TOP_BY_NAME] = { 'n', "name" },
    [TOP_BY_CONNECTIONS] = { 'c', "conn" },
    [TOP_BY_SUBSCRIPTIONS] = { 's', "subs" },
    [TOP_BY_IN] = { 'i', "in" },
    [TOP_BY_OUT] = { 'o', "out" },
    [TOP_BY_LATENCY] = { 'l', "latency" },
    [TOP_BY_REFUSED] = { 'r', "refused" },
};

/* ---- numbers ---- */

void top_number_add(struct buf *out, double value)
{
    static const char units[] = "kMGTPE";
    size_t i = 0;

    if (value < 9.95 && value != (double)(uint64_t)value) {
        buf_addf(out, "%.1f", value);
        return;
    }
    if (value < 99999.5) {
        buf_addf(out, "%.0f", value);
        return;
    }
    value /= 1000;
    while (value >= 999.5 && units[i + 1]) {
        value /= 1000;
        i++;
    }
    buf_addf(out, "%.*f%c", value < 9.95 ? 1 : 0, value, units[i]);
}

void top_time_add(struct buf *out, double seconds)
{
    if (seconds < 0.00995)
        buf_addf(out, "%.1fms", seconds * 1000);
    else if (seconds < 0.9995)
        buf_addf(out, "%.0fms", seconds * 1000);
    else
        buf_addf(out, "%.1fs", seconds);
}

static void add_latency(struct buf *out, double seconds, double largest)
{
    if (isnan(seconds)) {
        buf_add_char(out, '-');
    } else if (isinf(seconds)) {
        buf_add_char(out, '>');
        top_time_add(out, largest);
    } else {
        top_time_add(out, seconds);
    }
}

/* ---- sorting ---- */

static double rank_of(const struct top_row *r, enum top_sort by)
{
    const struct top_figures *f = r->figures;

    switch (by) {
    case TOP_BY_CONNECTIONS: return r->sample ? (double)r->sample->connections : -1;
    case TOP_BY_SUBSCRIPTIONS: return r->sample ? (double)r->sample->subscriptions : -1;
    case TOP_BY_IN: return f ? f->rate[TOP_MESSAGES_IN] : -1;
    case TOP_BY_OUT: return f ? f->rate[TOP_MESSAGES_OUT] : -1;
    case TOP_BY_LATENCY: return f && !isnan(f->p99_s) ? f->p99_s : -1;
    case TOP_BY_REFUSED: return (double)r->refused;
    default: return 0;
    }
}

static int compare(const void *a, const void *b, void *by)
{
    const struct top_row *x = a, *y = b;
    double rank_x = rank_of(x, *(enum top_sort *)by), rank_y = rank_of(y, *(enum top_sort *)by);

    if (!x->fault != !y->fault)
        return x->fault ? 1 : -1;
    if (rank_x < rank_y || rank_x > rank_y)
        return rank_x < rank_y ? 1 : -1;
    return strcmp(x->name, y->name);
}

void top_rows_sort(struct top_row *rows, size_t n, enum top_sort by)
{
    qsort_r(rows, n, sizeof(*rows), compare, &by);
}

/* ---- columns ---- */

static void add_connections(struct buf *out, const struct top_row *r)
{
    top_number_add(out, (double)r->sample->connections);
}

static void add_subscriptions(struct buf *out, const struct top_row *r)
{
    top_number_add(out, (double)r->sample->subscriptions);
}

static void add_p50(struct buf *out, const struct top_row *r)
{
    add_latency(out, r->figures ? r->figures->p50_s : NAN, r->figures ? r->figures->largest_s : 0);
}

static void add_p99(struct buf *out, const struct top_row *r)
{
    add_latency(out, r->figures ? r->figures->p99_s : NAN, r->figures ? r->figures->largest_s : 0);
}

/* The embedded broker has no address, and is always ready. */
static void add_redis(struct buf *out, const struct top_row *r)
{
    const struct top_sample *s = r->sample;

    if (!s->is_ready) {
        buf_add_str(out, STR("down"));
    } else if (!s->master[0]) {
        buf_add_str(out, STR("embedded"));
    } else {
        buf_add_str(out, STR("ok "));
        top_number_add(out, (double)s->redis_ms);
        buf_add_str(out, STR("ms"));
    }
}

static void add_slow(struct buf *out, const struct top_row *r)
{
    top_number_add(out, (double)r->slow);
}

static void add_refused(struct buf *out, const struct top_row *r)
{
    top_number_add(out, (double)r->refused);
}

/* In the order of display; the name comes before them. */
static const struct column {
    const char *title;
    int width;
    int importance;     /* of those that do not fit, the lowest goes first */
    enum top_sort sort; /* TOP_SORTS: rows are not sorted by it */
    bool has_sum;
    void (*add)(struct buf *out, const struct top_row *r); /* NULL: it is a rate */
    enum top_counter rate;
} columns[] = {
    { "CONN", 6, 9, TOP_BY_CONNECTIONS, true, add_connections, 0 },
    { "SUBS", 6, 5, TOP_BY_SUBSCRIPTIONS, true, add_subscriptions, 0 },
    { "IN/s", 6, 10, TOP_BY_IN, true, NULL, TOP_MESSAGES_IN },
    { "OUT/s", 6, 11, TOP_BY_OUT, true, NULL, TOP_MESSAGES_OUT },
    { "B IN/s", 6, 1, TOP_SORTS, true, NULL, TOP_BYTES_IN },
    { "B OUT/s", 7, 2, TOP_SORTS, true, NULL, TOP_BYTES_OUT },
    { "P50", 6, 4, TOP_SORTS, false, add_p50, 0 },
    { "P99", 6, 8, TOP_BY_LATENCY, false, add_p99, 0 },
    { "REDIS", 9, 7, TOP_SORTS, false, add_redis, 0 },
    { "SLOW", 6, 3, TOP_SORTS, true, add_slow, 0 },
    { "REFUSED", 7, 6, TOP_BY_REFUSED, true, add_refused, 0 },
};

#define COLUMNS ARRAY_LEN(columns)

struct layout {
    bool is_shown[COLUMNS];
    int name_width;
};

static int width_of(const struct layout *l)
{
    int width = l->name_width;

    for (size_t i = 0; i < COLUMNS; i++)
        width += l->is_shown[i] ? GAP + columns[i].width : 0;
    return width;
}

/* Leaves the least important column out. False: none is left. */
static bool drop_column(struct layout *l)
{
    size_t least = COLUMNS;

    for (size_t i = 0; i < COLUMNS; i++) {
        if (l->is_shown[i] &&
            (least == COLUMNS || columns[i].importance < columns[least].importance))
            least = i;
    }
    if (least < COLUMNS)
        l->is_shown[least] = false;
    return least < COLUMNS;
}

static int longest_name(const struct top_row *rows, size_t n)
{
    size_t longest = strlen("NODE*");

    for (size_t i = 0; i < n; i++) {
        if (strlen(rows[i].name) > longest)
            longest = strlen(rows[i].name);
    }
    return (int)longest;
}

static struct layout lay_out(const struct top_row *rows, size_t n, size_t width)
{
    int longest = longest_name(rows, n);
    struct layout l = { .name_width = longest < NAME_MIN ? longest : NAME_MIN };

    for (size_t i = 0; i < COLUMNS; i++)
        l.is_shown[i] = true;
    while (width_of(&l) > (int)width && drop_column(&l))
        ;
    l.name_width += (int)width - width_of(&l); /* all that is left, or has to go */
    if (l.name_width > longest)
        l.name_width = longest;
    return l;
}

/* ---- lines ---- */

/* Adds the text in a column of this width, cut if it is longer. */
static void add_name(struct buf *out, const char *name, int width)
{
    size_t n = clean_cut(str_of(name), (size_t)(width > 0 ? width : 0));

    buf_addf(out, "%-*.*s", width > 0 ? width : 0, (int)n, name);
}

static void add_value(struct buf *out, const struct column *c, const struct top_row *r)
{
    if (!r->sample || (!c->add && !r->figures))
        buf_add_char(out, '-');
    else if (c->add)
        c->add(out, r);
    else
        top_number_add(out, r->figures->rate[c->rate]);
}

/* Returns the style of a value that calls for attention, or none. */
static const char *style_of(const struct column *c, const struct top_row *r,
                            const struct top_styles *styles)
{
    bool is_bad = c->add == add_redis && r->sample && !r->sample->is_ready;

    return is_bad ? styles->fault : "";
}

static void add_cells(struct buf *out, const struct layout *l, const struct top_row *r, bool is_sum,
                      const struct top_styles *styles)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *style = is_sum ? "" : style_of(&columns[i], r, styles);
        struct buf cell = { 0 };

        if (!l->is_shown[i])
            continue;
        if (!is_sum || columns[i].has_sum)
            add_value(&cell, &columns[i], r);
        buf_addf(out, "%s%*.*s%s", style, columns[i].width + GAP, STR_ARG(buf_str(&cell)),
                 style[0] ? styles->plain : "");
        buf_done(&cell);
    }
}

static void add_head(struct buf *out, const struct layout *l, enum top_sort by,
                     const struct top_styles *styles)
{
    buf_add_str(out, str_of(styles->head));
    add_name(out, by == TOP_BY_NAME ? "NODE*" : "NODE", l->name_width);
    for (size_t i = 0; i < COLUMNS; i++) {
        char title[16];

        if (!l->is_shown[i])
            continue;
        (void)snprintf(title, sizeof(title), "%s%s", columns[i].title,
                       columns[i].sort == by ? "*" : "");
        buf_addf(out, "%*s", columns[i].width + GAP, title);
    }
    buf_add_str(out, str_of(styles->plain));
    buf_add_char(out, '\n');
}

static void add_row(struct buf *out, const struct layout *l, const struct top_row *r, size_t width,
                    const struct top_styles *styles)
{
    int room = (int)width - l->name_width - GAP; /* for the fault */

    add_name(out, r->name, l->name_width);
    if (r->fault && room > 0) {
        buf_addf(out, "%*s%s", GAP, "", styles->fault);
        buf_add(out, r->fault, clean_cut(str_of(r->fault), (size_t)room));
        buf_add_str(out, str_of(styles->plain));
    } else if (!r->fault) {
        add_cells(out, l, r, false, styles);
    }
    buf_add_char(out, '\n');
}

/* Adds the sums of the nodes that answer; latencies and Redis have none. */
static void add_sums(struct buf *out, const struct layout *l, const struct top_row *rows, size_t n,
                     const struct top_styles *styles)
{
    struct top_sample sample = { .connections = 0 };
    struct top_figures figures = { .p50_s = NAN };
    struct top_row sum = { .name = "all", .sample = &sample, .figures = &figures };

    for (size_t i = 0; i < n; i++) {
        sum.slow += rows[i].slow;
        sum.refused += rows[i].refused;
        if (rows[i].fault || !rows[i].sample)
            continue;
        sample.connections += rows[i].sample->connections;
        sample.subscriptions += rows[i].sample->subscriptions;
        for (size_t c = 0; c < TOP_COUNTERS && rows[i].figures; c++)
            figures.rate[c] += rows[i].figures->rate[c];
    }
    add_name(out, sum.name, l->name_width);
    add_cells(out, l, &sum, true, styles);
    buf_add_char(out, '\n');
}

void top_table_add(struct buf *out, const struct top_row *rows, size_t n, size_t width,
                   enum top_sort by, const struct top_styles *styles)
{
    struct layout l = lay_out(rows, n, width);

    add_head(out, &l, by, styles);
    for (size_t i = 0; i < n; i++)
        add_row(out, &l, &rows[i], width, styles);
    if (n > 1)
        add_sums(out, &l, rows, n, styles);
}
