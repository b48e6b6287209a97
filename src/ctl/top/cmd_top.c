#include "ctl/top/cmd_top.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/runtime.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "ctl/top/top_nodes.h"
#include "ctl/top/top_print.h"
#include "ctl/top/top_screen.h"
#include "net/loop.h"

#define CTRL_C '\x03'
#define CTRL_Z '\x1a'

struct values {
    uint64_t interval_ms;
    uint64_t count; /* 0: without end */
    uint64_t sort;  /* enum top_sort */
};

struct top {
    const struct invocation *in;
    struct runtime *rt;
    struct top_nodes *nodes;
    struct top_row *rows;
    enum top_sort sort;
    bool has_screen;
    struct loop_io keys;
};

/* ---- output ---- */

static struct top_view view(struct top *t)
{
    const struct values *v = t->in->values;
    struct top_view view = { .now_ms = clock_wall_ms(),
                             .interval_ms = v->interval_ms,
                             .rows = t->rows,
                             .n = top_nodes_count(t->nodes),
                             .refusals = top_nodes_refusals(t->nodes),
                             .sort = t->sort };

    top_nodes_rows(t->nodes, t->rows);
    top_rows_sort(t->rows, view.n, t->sort);
    return view;
}

static void draw(struct top *t)
{
    struct term *term = t->in->term;
    const struct top_styles styles = { term_style(term, TERM_BOLD), term_style(term, TERM_RED),
                                       term_style(term, TERM_PLAIN) };
    struct top_view v = view(t);
    size_t height = term_height(term); /* 0: the terminal does not say */
    struct buf out = { 0 };

    top_print_screen(&v, term_width(term), height ? height : 24, &styles, &out);
    term_write(term, buf_str(&out));
    buf_done(&out);
}

static void print(struct top *t)
{
    struct term *term = t->in->term;
    struct top_view v = view(t);
    struct buf out = { 0 };

    if (term->json) {
        json_auto_t *o = top_print_json(&v);

        term_result_json(term, o);
        return;
    }
    top_print_block(&v, &out);
    term_write(term, buf_str(&out));
    buf_done(&out);
}

/* Reports whether a node has answered; otherwise the exit status is that of a failed connection. */
static bool has_answer(const struct top *t)
{
    for (size_t i = 0; i < top_nodes_count(t->nodes); i++) {
        if (!t->rows[i].fault)
            return true;
    }
    return false;
}

/* The first round only begins the measuring: a file gets no lines without rates. */
static void on_round(void *arg, uint64_t round)
{
    struct top *t = arg;
    const struct values *v = t->in->values;

    if (t->has_screen)
        draw(t);
    else if (round > 1)
        print(t);
    if (v->count && round > v->count)
        runtime_end(t->rt, has_answer(t) ? CTL_OK : CTL_NO_CONNECTION);
}

/* ---- the terminal ---- */

static void on_resize(void *arg)
{
    struct top *t = arg;

    if (t->has_screen)
        draw(t);
}

static void press(struct top *t, char key)
{
    if (key == 'q' || key == 'Q')
        runtime_end(t->rt, CTL_OK);
    if (key == CTRL_C)
        runtime_end(t->rt, CTL_INTERRUPTED);
    if (key == CTRL_Z)
        top_screen_stop();
    for (size_t i = 0; i < TOP_SORTS; i++) {
        if (top_sorts[i].key == key) {
            t->sort = (enum top_sort)i;
            draw(t);
        }
    }
}

static void on_keys(struct loop_io *io, uint32_t events)
{
    struct top *t = container_of(io, struct top, keys);
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    (void)events;
    if (n <= 0) { /* the terminal is gone */
        loop_unwatch(runtime_loop(t->rt), io);
        runtime_end(t->rt, CTL_OK);
    }
    for (ssize_t i = 0; i < n; i++)
        press(t, keys[i]);
}

static void open_screen(struct top *t)
{
    top_screen_open();
    t->keys.fn = on_keys;
    if (isatty(STDIN_FILENO) != 1 ||
        loop_watch(runtime_loop(t->rt), &t->keys, STDIN_FILENO, EPOLLIN) < 0)
        t->keys.fd = -1;
    runtime_on_resize(t->rt, on_resize, t);
    draw(t);
}

/* ---- the command ---- */

static int show(struct top *t)
{
    int status;

    t->rows = mem_array(NULL, top_nodes_count(t->nodes), sizeof(*t->rows));
    t->has_screen = !t->in->common->json && t->in->term->has_escapes;
    if (t->has_screen)
        open_screen(t);
    status = runtime_run(t->rt);
    if (t->keys.fd >= 0)
        loop_unwatch(runtime_loop(t->rt), &t->keys);
    top_screen_close();
    free(t->rows);
    return status;
}

static int run(const struct invocation *in)
{
    const struct values *v = in->values;
    struct top t = { .in = in, .sort = (enum top_sort)v->sort, .keys.fd = -1 };
    const struct top_setup setup = { .common = in->common,
                                     .urls = in->words,
                                     .n = in->n_words,
                                     .interval_ms = v->interval_ms,
                                     .on_round = on_round,
                                     .arg = &t };
    struct buf why = { 0 };
    int status = runtime_create(in->term, &t.rt);

    if (status != CTL_OK)
        return status;
    if (top_nodes_create(t.rt, &setup, &t.nodes, &why) == EH_OK) {
        status = show(&t);
    } else {
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
        status = CTL_USAGE;
    }
    top_nodes_free(t.nodes);
    runtime_free(t.rt);
    buf_done(&why);
    return status;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    { "interval", 'i', OPTION_DURATION, MEMBER(interval_ms), .value = "TIME", .initial = "2s",
      .min = 100, .max = HOUR_MS, .about = "how often to ask the nodes" },
    { "count", 'n', OPTION_NUMBER, MEMBER(count), .value = "NUMBER", .min = 1, .max = UINT64_MAX,
      .about = "end after this many intervals" },
    { "sort", 's', OPTION_CHOICE, MEMBER(sort), .value = "NAME", .initial = "name",
      .choices = "name conn subs in out latency refused",
      .about = "sort the nodes by this column" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl top", "watches one node until q or Ctrl-C" },
    { "eventhubctl top http://10.0.0.7:9090 http://10.0.0.8:9090",
      "watches two nodes whose METRICS_LISTEN_PORT is 9090" },
    { "eventhubctl top --json --interval 10s | tee figures.jsonl", "records figures" },
    { 0 },
};

const struct command cmd_top = {
    .name = "top",
    .summary = "show live figures of one or several nodes",
    .arguments = "[URL]...",
    .max_words = TOP_NODES_MAX,
    .about = "Asks each node for /metrics, and shows the changes since the request before.\n"
             "CONN and SUBS are the connections and subscriptions now, IN/s and OUT/s the\n"
             "messages published and the deliveries to subscribers, B IN/s and B OUT/s the\n"
             "bytes from and to clients. P50 and P99 are the times within which half of the\n"
             "deliveries, and 99 in 100, arrived. REDIS is ok with the time that a probe\n"
             "took, down, or embedded. SLOW and REFUSED count, since top began, the clients\n"
             "that were dropped because they read too slowly, and the requests that were\n"
             "refused. The keys in the last line sort the table, and q ends it. If the\n"
             "output is not a terminal, each interval is a block of lines.",
    .takes = TAKES_SERVER | TAKES_JSON,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
