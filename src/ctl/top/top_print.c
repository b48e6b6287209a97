#include "ctl/top/top_print.h"

#include <math.h>

#include "base/array.h"
#include "ctl/term/clean.h"
#include "ctl/term/time_words.h"
#include "ctl/term/units.h"

#define BLOCK_WIDTH 1000 /* every column fits */
#define FIXED_LINES 5    /* of a screen, besides the rows: title, head, sums, refusals, keys */

static const struct top_styles no_styles = { "", "", "" };

/* Adds "refused since the start: unauthorized 12, not_allowed 3", or that nothing was. */
static void add_refusals(struct buf *out, const struct top_reasons *refusals)
{
    buf_add_str(out, STR("refused since the start: "));
    for (size_t i = 0; i < refusals->n; i++) {
        buf_add_str(out, i ? STR(", ") : STR(""));
        clean_add(out, str_of(refusals->at[i].name), true);
        buf_addf(out, " %llu", (unsigned long long)refusals->at[i].count);
    }
    if (refusals->n == 0)
        buf_add_str(out, STR("nothing"));
    buf_add_char(out, '\n');
}

void top_print_block(const struct top_view *v, struct buf *out)
{
    time_words_add_utc(out, v->now_ms);
    buf_add_char(out, '\n');
    top_table_add(out, v->rows, v->n, BLOCK_WIDTH, v->sort, &no_styles);
    add_refusals(out, v->refusals);
    buf_add_char(out, '\n');
}

/* ---- JSON ---- */

static void set(json_t *o, const char *name, json_t *value)
{
    (void)json_object_set_new(o, name, value);
}

static void set_count(json_t *o, const char *name, uint64_t n)
{
    set(o, name, json_integer((json_int_t)n));
}

/* NULL: there were no deliveries. A time beyond the buckets is given as the largest bound. */
static json_t *latency_json(double seconds, double largest)
{
    if (isnan(seconds))
        return json_null();
    return json_real(1000 * (isinf(seconds) ? largest : seconds));
}

static json_t *redis_json(const struct top_sample *s)
{
    const char *state = !s->is_ready ? "down" : s->master[0] ? "ok" : "embedded";

    return json_pack("{s:s,s:s,s:I}", "state", state, "address", s->master, "latency_ms",
                     (json_int_t)s->redis_ms);
}

static void set_rates(json_t *o, const struct top_figures *f)
{
    static const struct {
        const char *name;
        enum top_counter counter;
    } rates[] = {
        { "messages_in_per_s", TOP_MESSAGES_IN }, { "messages_out_per_s", TOP_MESSAGES_OUT },
        { "bytes_in_per_s", TOP_BYTES_IN },       { "bytes_out_per_s", TOP_BYTES_OUT },
        { "refused_per_s", TOP_REFUSED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        set(o, rates[i].name, f ? json_real(f->rate[rates[i].counter]) : json_null());
    set(o, "delivery_p50_ms", f ? latency_json(f->p50_s, f->largest_s) : json_null());
    set(o, "delivery_p99_ms", f ? latency_json(f->p99_s, f->largest_s) : json_null());
}

static json_t *row_json(const struct top_row *r)
{
    json_t *o = json_object();

    set(o, "node", json_string(r->name));
    set(o, "error", r->fault ? json_string(r->fault) : json_null());
    if (r->sample && !r->fault) {
        set(o, "version", json_string(r->sample->version));
        set_count(o, "connections", r->sample->connections);
        set_count(o, "subscriptions", r->sample->subscriptions);
        set_rates(o, r->figures);
        set(o, "redis", redis_json(r->sample));
    }
    set_count(o, "slow_clients", r->slow);
    set_count(o, "refused", r->refused);
    return o;
}

json_t *top_print_json(const struct top_view *v)
{
    json_t *o = json_object(), *nodes = json_array(), *refusals = json_object();

    for (size_t i = 0; i < v->n; i++)
        (void)json_array_append_new(nodes, row_json(&v->rows[i]));
    for (size_t i = 0; i < v->refusals->n; i++)
        set_count(refusals, v->refusals->at[i].name, v->refusals->at[i].count);
    set_count(o, "time", v->now_ms);
    set(o, "nodes", nodes);
    set(o, "refused", refusals);
    return o;
}

/* ---- a screen ---- */

static void add_title(const struct top_view *v, struct buf *out)
{
    struct buf time = { 0 };
    size_t silent = 0;

    for (size_t i = 0; i < v->n; i++)
        silent += v->rows[i].fault != NULL;
    buf_addf(out, "eventhubctl top   %zu node%s", v->n, v->n == 1 ? "" : "s");
    if (silent)
        buf_addf(out, ", %zu without an answer", silent);
    buf_add_str(out, STR("   every "));
    duration_add(out, v->interval_ms);
    time_words_add_utc(&time, v->now_ms);
    buf_addf(out, "   %.*s\n", STR_ARG(str_skip(buf_str(&time), STR("2026-11-30 ").n)));
    buf_done(&time);
}

static void add_keys(struct buf *out)
{
    buf_add_str(out, STR("q quit   sort by:"));
    for (size_t i = 0; i < TOP_SORTS; i++)
        buf_addf(out, "  %c %s", top_sorts[i].key, top_sorts[i].name);
    buf_add_char(out, '\n');
}

/* Adds each line, cut to the width, at most `height` of them. Lines with a style fit: top_table_add
 * has cut them. The row is cleared first: after a line that fills it, the cursor still is on its
 * last character, which would be cleared as well. */
static void add_lines(struct buf *out, struct str text, size_t width, size_t height)
{
    struct str line;

    for (size_t i = 0; i < height && text.n && str_cut(&text, '\n', &line); i++) {
        buf_add_str(out, i ? STR("\r\n") : STR(""));
        buf_add_str(out, text.n ? STR("\x1b[K") : STR("\x1b[J"));
        buf_add(out, line.p, memchr(line.p, '\x1b', line.n) ? line.n : clean_cut(line, width));
    }
}

void top_print_screen(const struct top_view *v, size_t width, size_t height,
                      const struct top_styles *styles, struct buf *out)
{
    size_t room = height > FIXED_LINES ? height - FIXED_LINES : 1;
    struct buf text = { 0 };

    add_title(v, &text);
    top_table_add(&text, v->rows, v->n < room ? v->n : room, width, v->sort, styles);
    add_refusals(&text, v->refusals);
    add_keys(&text);
    buf_add_str(out, STR("\x1b[H"));
    add_lines(out, buf_str(&text), width, height);
    buf_done(&text);
}
