/* test_redis_link.c - a link between two fake servers, A and B, in one loop. A case says how the
 * servers answer the calls of a lane; the test compares the fate of each call, and which commands
 * each server got, in order. */
#include "broker/redis/redis_link.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "base/buf.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_order.h"
#include "support/fake_redis.h"
#include "support/temp_dir.h"

#define CALLS_MAX 40
#define SERVERS   2
#define WATCH_MS  50000 /* a test that takes longer hangs */

#define OK          "+OK\r\n"
#define MOVED_A     "-MOVED 7 a.example:1\r\n"
#define MOVED_B     "-MOVED 7 b.example:1\r\n"
#define MOVED_HERE  "-MOVED 7 :1\r\n"
#define MOVED_AWAY  "-MOVED 7 ?:1\r\n"
#define ASK_B       "-ASK 7 b.example:1\r\n"
#define TRYAGAIN    "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
#define CLUSTERDOWN "-CLUSTERDOWN Hash slot not served\r\n"
#define NOSCRIPT    "-NOSCRIPT No matching script. Please use EVAL.\r\n"
#define FENCE       "-FENCE the newest id is not known\r\n"
#define ERROR       "-ERR no\r\n"
#define SILENT      "" /* reads it and does not answer */
#define CLOSE       "close"

/* Calls with numbers, of clients that take turns, which wait in a queue until the link takes them. */
struct world {
    struct redis_link *link;
    struct redis_link *asking; /* to B, for ASK; NULL: none yet */
    struct fake_redis servers[SERVERS];
    const char *const *answers[SERVERS]; /* of the next commands; NULL or at the end: OK */
    const char *always[SERVERS];         /* in place of OK */
    struct buf trace;                    /* " A0 B1 B?2": what the servers got */
    char fates[CALLS_MAX + 1];           /* O ok, E error, U unknown, N not done, - none yet */
    size_t n_calls, n_sent, n_done;
    size_t n_later;                     /* calls that come with the first refusal */
    void (*on_silent)(struct world *w); /* when a server has read a call that it does not answer */
    struct chaos *chaos;                /* NULL: the answers come from the lists */
    bool is_script;
    unsigned n_clients; /* call i is of client i % n_clients; 0: all are of one */
    struct redis_order order;
    uint64_t deadline;
    bool releases;      /* at once: the feed has joined */
    bool follows;       /* moves to the endpoint of MOVED */
    unsigned n_not_ask; /* how many times there is no link to B yet */
    unsigned n_refused;
    bool was_up; /* in all refusals */
    struct redis_redirect last;
    char why[100];
    unsigned n_ups, n_downs;
    bool is_up;
};

static struct loop *loop;
static struct mailbox *inbox;
static struct temp_dir dir;
static struct metrics_cell *cell;
static struct timer watchdog, action;
static void (*do_action)(struct world *w);
static struct world *the_world;
static size_t n_running; /* worlds */

/* A world with random answers, to each command of one read another one. */
struct chaos {
    unsigned seed;
    unsigned n_batches; /* reads; after so many, all is well */
    bool is_lost;       /* all of this one runs, and then the connection ends without an answer */
    size_t left;        /* calls that are still to come */
    int n_run[CALLS_MAX];
    int last[CALLS_MAX];  /* that ran, of each client */
    unsigned n_overtaken; /* calls that were given up because of their order */
    struct loop_task more;
    struct loop_task hang_up[SERVERS];
};

static void add_calls(struct world *w, size_t n);
static void act_after(uint64_t ms, void (*fn)(struct world *w));
static const char *random_answer(struct fake_redis *f, struct world *w, unsigned call);
static void random_batch(struct fake_redis *f, void *owner);

/* ---- the lane ---- */

static uint32_t client_of(const struct world *w, size_t call)
{
    return w->n_clients ? (uint32_t)(call % w->n_clients) : 0;
}

static void make(void *owner, void *arg, struct redis_command *ret)
{
    static char text[CALLS_MAX][8];
    struct world *w = owner;
    char *number = text[(uintptr_t)arg];

    redis_command_init(ret);
    ret->is_script = w->is_script;
    ret->script = SCRIPT_PUBLISH;
    redis_command_add(ret, w->is_script ? STR("EVALSHA") : STR("CALL"));
    redis_command_add(ret, STR("sha"));
    (void)snprintf(number, sizeof(text[0]), "%u", (unsigned)(uintptr_t)arg);
    redis_command_add(ret, str_of(number));
}

/* The number of a call in the order is one more than its own. */
static bool remake(void *owner, void *arg, struct redis_command *ret)
{
    struct world *w = owner;
    size_t call = (uintptr_t)arg;

    if (!redis_order_permits(&w->order, client_of(w, call), call + 1)) {
        if (w->chaos)
            w->chaos->n_overtaken++;
        return false;
    }
    if (ret)
        make(w, arg, ret);
    return true;
}

static void on_done(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct world *w = owner;
    char *slot = &w->fates[(uintptr_t)arg];

    assert_int_equal(*slot, '-'); /* once */
    *slot = "?UN"[fate];
    if (fate == REDIS_ANSWERED)
        *slot = reply->type == REDIS_REPLY_ERROR ? 'E' : 'O';
    if (*slot == 'O' || *slot == 'U')
        redis_order_on_ran(&w->order, client_of(w, (uintptr_t)arg), (uintptr_t)arg + 1);
    w->n_done++;
    if (w->chaos && w->n_done == w->n_sent && w->chaos->left)
        loop_at_end(loop, &w->chaos->more);
    else if (w->n_done == w->n_calls && --n_running == 0)
        loop_stop(loop);
}

static void pump(struct world *w)
{
    struct redis_command c;

    while (w->n_sent < w->n_calls && redis_link_takes_calls(w->link)) {
        void *arg = (void *)(uintptr_t)w->n_sent++;

        make(w, arg, &c);
        redis_link_send_call(w->link, &c, (struct redis_done){ on_done, w, arg, w->deadline },
                             remake);
    }
}

static void on_room(struct redis_link *l, void *owner)
{
    struct world *w = owner;

    (void)l;
    assert_true(w->is_up); /* on_up comes first */
    pump(w);
}

static void on_up(struct redis_link *l, void *owner)
{
    struct world *w = owner;

    w->n_ups++;
    w->is_up = true;
    if (w->releases)
        redis_link_release(l);
    pump(w);
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    struct world *w = owner;

    (void)l;
    w->n_downs++;
    w->is_up = false;
    (void)snprintf(w->why, sizeof(w->why), "%s", why);
}

static struct fake_redis *server_of(struct world *w, const struct redis_endpoint *e)
{
    if (strcmp(e->host, "a.example") == 0)
        return &w->servers[0];
    return strcmp(e->host, "b.example") == 0 ? &w->servers[1] : NULL;
}

static void on_refused(struct redis_link *l, void *owner, const struct redis_redirect *redirect)
{
    struct world *w = owner;
    struct fake_redis *to = server_of(w, &redirect->endpoint);

    if (w->n_refused++ == 0)
        add_calls(w, w->n_later);
    w->last = *redirect;
    w->was_up = w->was_up && redis_link_is_up(l);
    if (redirect->kind == REDIS_REDIRECT_MOVED && to && w->follows)
        redis_link_move(l, &to->endpoint, "moved");
    if (redirect->kind == REDIS_REDIRECT_FENCE && w->releases)
        redis_link_release(l);
}

static bool on_ask(struct redis_link *l, void *owner, const struct redis_endpoint *endpoint,
                   struct redis_command *c, struct redis_done done)
{
    struct world *w = owner;
    struct redis_command asking;

    (void)l;
    assert_ptr_equal(server_of(w, endpoint), &w->servers[1]);
    if (w->n_not_ask > 0 || !redis_link_can_send(w->asking)) {
        w->n_not_ask -= w->n_not_ask > 0;
        return false;
    }
    redis_command_asking(&asking);
    redis_link_send(w->asking, &asking, (struct redis_done){ 0 });
    redis_link_send(w->asking, c, done);
    return true;
}

static const struct redis_link_events events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_room = on_room,
    .on_refused = on_refused,
    .on_ask = on_ask,
};

static void ignore_up(struct redis_link *l, void *owner)
{
    (void)l;
    (void)owner;
}

static void ignore_down(struct redis_link *l, void *owner, const char *why)
{
    (void)l;
    (void)owner;
    (void)why;
}

static const struct redis_link_events asking_events = { .on_up = ignore_up,
                                                        .on_down = ignore_down };

/* ---- the servers ---- */

static const char *on_command(struct fake_redis *f, void *owner, const redisReply *command,
                              bool is_asking)
{
    struct world *w = owner;
    size_t i = (size_t)(f - w->servers);
    const char *answer = w->always[i] ? w->always[i] : OK;

    assert_int_equal(command->elements, 3);
    if (w->chaos)
        return random_answer(f, w, (unsigned)atoi(command->element[2]->str));
    buf_addf(&w->trace, " %c%s%s", "AB"[i], is_asking ? "?" : "", command->element[2]->str);
    if (w->answers[i] && *w->answers[i])
        answer = *w->answers[i]++;
    if (strcmp(answer, CLOSE) == 0)
        return FAKE_CLOSE;
    if (!answer[0] && w->on_silent)
        act_after(50, w->on_silent);
    return answer[0] ? answer : NULL;
}

static void world_init(struct world *w, const char *name)
{
    char path[TEMP_DIR_PATH_MAX], file[32];

    *w = (struct world){ .releases = true, .follows = true, .was_up = true };
    for (size_t i = 0; i < SERVERS; i++) {
        (void)snprintf(file, sizeof(file), "%s%zu", name, i);
        fake_redis_init(&w->servers[i], loop, temp_dir_path(&dir, file, path));
        w->servers[i].owner = w;
        w->servers[i].on_command = on_command;
    }
}

static struct redis_link *connect_to(struct world *w, struct fake_redis *f,
                                     const struct redis_link_events *how)
{
    const struct redis_link_config config = {
        .loop = loop,
        .inbox = inbox,
        .metrics = cell,
        .endpoint = f->endpoint,
        .timeout_ms = 5000,
        .loads_scripts = true,
        .events = how,
        .owner = w,
    };

    return redis_link_create(&config);
}

static void world_start(struct world *w, size_t n_calls, uint64_t timeout_ms)
{
    w->n_calls = n_calls;
    memset(w->fates, '-', n_calls);
    w->deadline = loop_now(loop) + timeout_ms;
    w->asking = connect_to(w, &w->servers[1], &asking_events);
    w->link = connect_to(w, &w->servers[0], &events);
}

static void world_done(struct world *w)
{
    redis_link_free(w->link);
    redis_link_free(w->asking);
    for (size_t i = 0; i < SERVERS; i++)
        fake_redis_done(&w->servers[i]);
    buf_done(&w->trace);
}

static void add_calls(struct world *w, size_t n)
{
    memset(w->fates + w->n_calls, '-', n);
    w->n_calls += n;
}

/* ---- running ---- */

static void on_watchdog(struct timer *t)
{
    (void)t;
    fail_msg("hangs; trace:%.*s; fates: %s", STR_ARG(buf_str(&the_world->trace)), the_world->fates);
}

static void on_action(struct timer *t)
{
    (void)t;
    do_action(the_world);
}

static void run(struct world *w)
{
    the_world = w;
    n_running = 1;
    loop_timer(loop, &watchdog, WATCH_MS);
    loop_run(loop);
    timer_stop(&watchdog);
    timer_stop(&action);
}

static void act_after(uint64_t ms, void (*fn)(struct world *w))
{
    do_action = fn;
    loop_timer(loop, &action, ms);
}

static void stop(struct world *w)
{
    (void)w;
    loop_stop(loop);
}

static void assert_trace(const struct world *w, const char *want)
{
    struct str got = buf_str(&w->trace);

    if (got.n == 0 || !str_eq(str_skip(got, 1), str_of(want)))
        fail_msg("want '%s', got '%.*s' (%s)", want, STR_ARG(got), w->fates);
}

static int setup(void **state)
{
    static struct metrics_cell one;

    (void)state;
    cell = &one;
    temp_dir_init(&dir);
    timer_init(&watchdog, on_watchdog);
    timer_init(&action, on_action);
    return loop_create(&loop) == EH_OK && mailbox_create(loop, NULL, &inbox) == EH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    mailbox_drain(inbox);
    mailbox_free(inbox);
    loop_free(loop);
    temp_dir_done(&dir);
    return 0;
}

/* ---- the table ---- */

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct refusal {
    const char *name;
    const char *a[6], *b[3]; /* the answers of both servers, then OK */
    size_t n;
    const char *fates, *trace;
};

static const struct refusal refusals[] = {
    { "nothing is refused", { NULL }, { NULL }, 3, "OOO", "A0 A1 A2" },
    { "an error is an answer", { OK, ERROR }, { NULL }, 3, "OEO", "A0 A1 A2" },
    { "MOVED before the first",
      { MOVED_B, MOVED_B, MOVED_B },
      { NULL },
      3,
      "OOO",
      "A0 A1 A2 B0 B1 B2" },
    { "MOVED in the middle", { OK, MOVED_B, MOVED_B }, { NULL }, 3, "OOO", "A0 A1 A2 B1 B2" },
    { "MOVED at the end", { OK, OK, MOVED_B }, { NULL }, 3, "OOO", "A0 A1 A2 B2" },
    { "MOVED and back", { MOVED_B }, { MOVED_A }, 1, "O", "A0 B0 A0" },
    { "an error after MOVED", { MOVED_B, MOVED_B }, { ERROR }, 2, "EO", "A0 A1 B0 B1" },
    { "MOVED to the server itself", { MOVED_A, MOVED_A }, { NULL }, 2, "OO", "A0 A1 A0 A1" },
    { "MOVED to the host that answered", { MOVED_HERE }, { NULL }, 1, "O", "A0 A0" },
    { "MOVED to an unknown host", { MOVED_AWAY }, { NULL }, 1, "O", "A0 A0" },
    { "MOVED, malformed", { "-MOVED 7\r\n" }, { NULL }, 2, "EO", "A0 A1" },
    { "ASK for all", { ASK_B, ASK_B, ASK_B }, { NULL }, 3, "OOO", "A0 A1 A2 B?0 B?1 B?2" },
    { "ASK for the first", { ASK_B }, { NULL }, 2, "NO", "A0 A1" },
    { "ASK, and the target has moved it back",
      { ASK_B, ASK_B },
      { MOVED_A },
      2,
      "OO",
      "A0 A1 B?0 A0 A1" },
    { "ASK, and the target wants all keys",
      { ASK_B, ASK_B },
      { TRYAGAIN },
      2,
      "OO",
      "A0 A1 B?0 A0 A1" },
    { "ASK, and the target refuses", { ASK_B, ASK_B }, { ERROR }, 2, "EO", "A0 A1 B?0 B?1" },
    { "ASK, and the target hangs up", { ASK_B, ASK_B }, { CLOSE }, 2, "UO", "A0 A1 B?0 A1" },
    { "TRYAGAIN", { TRYAGAIN, TRYAGAIN, TRYAGAIN }, { NULL }, 3, "OOO", "A0 A1 A2 A0 A1 A2" },
    { "TRYAGAIN twice: the first goes alone",
      { TRYAGAIN, TRYAGAIN, TRYAGAIN },
      { NULL },
      2,
      "OO",
      "A0 A1 A0 A0 A1" },
    { "TRYAGAIN, then ASK",
      { TRYAGAIN, TRYAGAIN, ASK_B, ASK_B },
      { NULL },
      2,
      "OO",
      "A0 A1 A0 B?0 A1 B?1" },
    { "CLUSTERDOWN",
      { CLUSTERDOWN, CLUSTERDOWN, CLUSTERDOWN },
      { NULL },
      2,
      "OO",
      "A0 A1 A0 A0 A1" },
    { "CLUSTERDOWN, then MOVED",
      { CLUSTERDOWN, CLUSTERDOWN, MOVED_B },
      { NULL },
      2,
      "OO",
      "A0 A1 A0 B0 B1" },
    { "the connection is lost at the first", { CLOSE }, { NULL }, 3, "UUU", "A0" },
    { "the connection is lost in the middle", { OK, CLOSE }, { NULL }, 3, "OUU", "A0 A1" },
    { "the connection is lost with a refused call",
      { TRYAGAIN, CLOSE },
      { NULL },
      3,
      "NUU",
      "A0 A1" },
    { "TRYAGAIN in the middle", { OK, TRYAGAIN }, { NULL }, 3, "ONO", "A0 A1 A2" },
    { "TRYAGAIN before an error", { TRYAGAIN, ERROR }, { NULL }, 2, "OE", "A0 A1 A0" },
    { "the new connection is lost, too", { MOVED_B, MOVED_B }, { CLOSE }, 2, "UO", "A0 A1 B0 B1" },
    { "garbage", { OK, "@@\r\n" }, { NULL }, 3, "OUU", "A0 A1 A2" },
    { "more answers than calls", { OK OK }, { NULL }, 1, "O", "A0" },
    { "FENCE", { FENCE, FENCE }, { NULL }, 2, "OO", "A0 A1 A0 A1" },
    { "FENCE again", { FENCE, FENCE, FENCE }, { NULL }, 2, "OO", "A0 A1 A0 A0 A1" },
};

static void run_refusal(const struct refusal *r, unsigned n_clients)
{
    struct world w;

    world_init(&w, "t");
    w.answers[0] = r->a;
    w.answers[1] = r->b;
    w.n_clients = n_clients;
    world_start(&w, r->n, 10000);
    run(&w);
    if (strcmp(w.fates, r->fates) != 0)
        fail_msg("%s: fates %s", r->name, w.fates);
    if (!str_eq(str_skip(buf_str(&w.trace), 1), str_of(r->trace)))
        fail_msg("%s: trace%.*s", r->name, STR_ARG(buf_str(&w.trace)));
    world_done(&w);
}

static void sends_refused_calls_again_in_their_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        run_refusal(&refusals[i], 1);
}

/* Calls 0 and 2 are of one client, 1 and 3 of another. */
static void keeps_the_order_of_each_client(void **state)
{
    static const struct refusal of_two[] = {
        { "ASK for the first", { ASK_B }, { NULL }, 2, "OO", "A0 A1 B?0" },
        { "ASK for all but one",
          { ASK_B, ASK_B, OK, ASK_B },
          { NULL },
          4,
          "NOOO",
          "A0 A1 A2 A3 B?1 B?3" },
        { "the connection is lost with a refused call",
          { TRYAGAIN, CLOSE },
          { NULL },
          2,
          "OU",
          "A0 A1 A0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of_two); i++)
        run_refusal(&of_two[i], 2);
}

static void takes_new_calls_when_the_refused_ones_are_done(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(MOVED_B, MOVED_B);
    w.n_later = 3;
    world_start(&w, 2, 10000);
    run(&w);
    assert_string_equal(w.fates, "OOOOO");
    assert_trace(&w, "A0 A1 B0 B1 B2 B3 B4");
    world_done(&w);
}

/* Redis then decides by the keys of each call. */
static void sends_one_call_at_a_time_while_a_slot_migrates(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(TRYAGAIN, OK, OK, TRYAGAIN);
    w.n_later = 3;
    world_start(&w, 1, 10000);
    run(&w);
    assert_string_equal(w.fates, "OOOO");
    assert_trace(&w, "A0 A0 A1 A2 A2 A3");
    world_done(&w);
}

static void waits_for_the_first_connection_to_the_target(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(ASK_B, ASK_B, ASK_B);
    w.n_not_ask = 1;
    world_start(&w, 2, 10000);
    run(&w);
    assert_string_equal(w.fates, "OO");
    assert_trace(&w, "A0 A1 A0 B?0 B?1");
    world_done(&w);
}

static void loads_the_scripts_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.is_script = true;
    w.n_clients = 2;
    w.answers[0] = LIST(NOSCRIPT, NOSCRIPT, OK, NOSCRIPT);
    world_start(&w, 4, 10000);
    run(&w);
    assert_string_equal(w.fates, "NOOO");
    assert_trace(&w, "A0 A1 A2 A3 A1 A3");
    assert_int_equal(w.servers[0].n_loads, 2 * SCRIPT_COUNT);
    assert_int_equal(w.servers[0].n_accepted, 1);
    world_done(&w);
}

/* ---- bounds ---- */

/* Calls that were sent again just before their deadline, and not answered, may have run. */
static void assert_gave_up(const struct world *w, size_t n)
{
    size_t under_way = strspn(w->fates, "U");

    assert_int_equal(under_way + strspn(w->fates + under_way, "N"), n);
    assert_int_equal(strlen(w->fates), n);
}

static void gives_up_at_the_deadline(void **state)
{
    static const char *const answers[] = { TRYAGAIN, CLUSTERDOWN, ASK_B };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct world w;
        uint64_t start = loop_now(loop);

        world_init(&w, "t");
        w.always[0] = answers[i];
        w.n_not_ask = UINT_MAX;
        world_start(&w, 3, 700);
        run(&w);
        assert_gave_up(&w, 3);
        assert_true(loop_now(loop) - start >= 700);
        assert_true(w.n_refused <= 1 + 700 / 50); /* there are pauses */
        assert_true(w.was_up);                    /* a short pause is no outage */
        world_done(&w);
    }
}

/* Returns the number of words in the trace. */
static size_t n_received(const struct world *w)
{
    struct str rest = buf_str(&w->trace), word;
    size_t n = 0;

    while (str_cut(&rest, ' ', &word))
        n += word.n > 0;
    return n;
}

static void gives_up_a_call_that_is_refused_for_ever(void **state)
{
    static const char *const answers[] = { MOVED_A, FENCE };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct world w;

        world_init(&w, "t");
        w.always[0] = answers[i];
        world_start(&w, 1, 60000);
        run(&w);
        assert_string_equal(w.fates, "N");
        assert_int_equal(n_received(&w), 17);
        assert_int_equal(w.servers[0].n_accepted, 1);
        world_done(&w);
    }
}

/* Each server redirects to the other one. */
static void does_not_spin_in_a_loop_of_moves(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.always[0] = MOVED_B;
    w.always[1] = MOVED_A;
    world_start(&w, 1, 900);
    run(&w);
    assert_gave_up(&w, 1);
    assert_true(w.servers[0].n_accepted + w.servers[1].n_accepted <= 3 + 900 / 50);
    world_done(&w);
}

static struct redis_endpoint nowhere = { .host = "/nonexistent/redis.sock" };

static void move_to_nowhere(struct world *w)
{
    redis_link_move(w->link, &nowhere, "the master has gone");
}

static void keeps_refused_calls_while_the_new_master_is_away(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.always[0] = CLUSTERDOWN;
    world_start(&w, 2, 600);
    act_after(100, move_to_nowhere);
    run(&w);
    assert_string_equal(w.fates, "NN"); /* in time, though there is no connection */
    assert_true(w.n_downs >= 2 && w.n_downs < 20);
    assert_false(redis_link_is_up(w.link));
    world_done(&w);
}

/* ---- moves ---- */

static void move_to_b(struct world *w)
{
    redis_link_move(w->link, &w->servers[1].endpoint, "a failover");
}

static void answer_late(struct world *w)
{
    fake_redis_say(&w->servers[0], OK);
}

static void move_then_answer(struct world *w)
{
    move_to_b(w);
    assert_true(redis_link_is_up(w->link)); /* as far as /readyz is concerned */
    assert_false(redis_link_takes_calls(w->link));
    act_after(100, answer_late);
}

static void drains_before_a_move(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(SILENT);
    world_start(&w, 1, 10000);
    w.on_silent = move_then_answer;
    run(&w);
    assert_string_equal(w.fates, "O");
    assert_trace(&w, "A0");
    w.n_calls = 2;
    w.fates[1] = '-';
    run(&w);
    assert_trace(&w, "A0 B1");
    assert_string_equal(w.why, "a failover");
    world_done(&w);
}

static void drains_for_half_a_second_at_most(void **state)
{
    struct world w;
    uint64_t start = loop_now(loop);

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(SILENT);
    world_start(&w, 1, 10000);
    w.on_silent = move_to_b;
    run(&w);
    assert_string_equal(w.fates, "U"); /* and is not repeated */
    assert_true(loop_now(loop) - start >= 500);
    w.n_calls = 2;
    w.fates[1] = '-';
    run(&w);
    assert_trace(&w, "A0 B1");
    world_done(&w);
}

static void is_up_while_it_is_renewed(void **state)
{
    struct world w;
    uint64_t fails;

    (void)state;
    world_init(&w, "t");
    world_start(&w, 1, 10000);
    run(&w);
    fails = metrics_get(cell, METRIC_REDIS_FAILS);
    redis_link_renew(w.link, "a renewal");
    assert_false(redis_link_is_connected(w.link));
    assert_true(redis_link_is_up(w.link)); /* as far as /readyz is concerned */
    w.n_calls = 2;
    w.fates[1] = '-';
    run(&w);
    assert_trace(&w, "A0 A1");
    assert_int_equal(metrics_get(cell, METRIC_REDIS_FAILS), fails);
    world_done(&w);
}

static void moves_while_it_drains_refused_calls(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.follows = false;
    w.n_clients = 2;
    w.answers[0] = LIST(MOVED_B, SILENT);
    world_start(&w, 2, 10000);
    w.on_silent = move_to_b;
    run(&w);
    assert_string_equal(w.fates, "OU");
    assert_trace(&w, "A0 A1 B0");
    world_done(&w);
}

/* ---- what waits for the feed ---- */

static void release(struct world *w)
{
    assert_trace(w, "A0 A1");
    assert_true(redis_link_can_send(w->link)); /* for the fence */
    assert_false(redis_link_takes_calls(w->link));
    redis_link_release(w->link);
}

static void waits_for_the_fence(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.releases = false;
    w.answers[0] = LIST(FENCE, FENCE);
    world_start(&w, 2, 10000);
    act_after(300, release);
    run(&w);
    assert_string_equal(w.fates, "OO");
    assert_trace(&w, "A0 A1 A0 A1");
    assert_int_equal(w.last.kind, REDIS_REDIRECT_FENCE);
    assert_int_equal(w.n_refused, 1);
    world_done(&w);
}

static void waits_on_a_new_connection_until_the_feed_has_joined(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.releases = false;
    w.answers[0] = LIST(MOVED_B, MOVED_B);
    world_start(&w, 2, 10000);
    act_after(300, release);
    run(&w);
    assert_string_equal(w.fates, "OO");
    assert_trace(&w, "A0 A1 B0 B1");
    world_done(&w);
}

/* ---- other commands ---- */

static char other_fate;

static void on_other(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    (void)owner;
    (void)arg;
    other_fate = "?UN"[fate];
    if (fate == REDIS_ANSWERED)
        other_fate = reply->type == REDIS_REPLY_ERROR ? 'E' : 'O';
    loop_stop(loop);
}

static void send_other(struct world *w)
{
    struct redis_command c;

    make(w, (void *)9, &c);
    redis_link_send(w->link, &c, (struct redis_done){ on_other, NULL, NULL, 0 });
}

static void gives_other_commands_back_with_the_error(void **state)
{
    static const char *const answers[] = { MOVED_AWAY, ASK_B, TRYAGAIN, CLUSTERDOWN, FENCE };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct world w;

        world_init(&w, "t");
        w.answers[0] = LIST(OK, answers[i]);
        world_start(&w, 1, 10000);
        run(&w);
        act_after(0, send_other);
        run(&w);
        assert_int_equal(other_fate, 'E');
        assert_trace(&w, "A0 A9"); /* once */
        assert_true(redis_link_is_up(w.link));
        assert_int_equal(w.n_refused, i == 4 ? 0 : 1);
        world_done(&w);
    }
}

static void takes_other_commands_while_calls_are_held(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.releases = false;
    w.answers[0] = LIST(FENCE);
    world_start(&w, 1, 10000);
    act_after(100, send_other);
    run(&w);
    assert_int_equal(other_fate, 'O');
    assert_string_equal(w.fates, "-");
    redis_link_release(w.link);
    run(&w);
    assert_trace(&w, "A0 A9 A0");
    world_done(&w);
}

static void gives_all_back_when_it_is_freed(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.answers[0] = LIST(ASK_B, ASK_B, ASK_B);
    w.answers[1] = LIST(SILENT);
    w.on_silent = stop;
    world_start(&w, 3, 10000);
    run(&w);
    assert_string_equal(w.fates, "---");
    n_running = 2; /* the loop is not running, so it cannot be stopped */
    redis_link_free(w.link);
    assert_string_equal(w.fates, "UNN");
    w.link = NULL;
    world_done(&w);
}

/* ---- the greeting ---- */

static void learns_about_the_server(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "t");
    w.servers[0].info = "redis_version:7.0.15\r\nrole:master\r\n";
    world_start(&w, 1, 10000);
    assert_null(redis_link_info(w.link));
    run(&w);
    assert_string_equal(redis_link_info(w.link)->version, "7.0.15");
    world_done(&w);

    world_init(&w, "t");
    w.servers[0].info = NULL; /* no right */
    world_start(&w, 1, 10000);
    run(&w);
    assert_string_equal(w.fates, "O");
    assert_null(redis_link_info(w.link));
    world_done(&w);
}

/* A listener whose queue is full: the kernel drops further SYNs, as a firewall would. */
static uint16_t listen_full(int fds[4])
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&addr, &len), 0);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&addr, len);
    }
    return ntohs(addr.sin_port);
}

static void move_to_silence(struct world *w)
{
    redis_link_move(w->link, &nowhere, "the master is at a silent address");
}

static void stop_when_it_is_down(struct world *w)
{
    if (strcmp(w->why, "connecting timed out") == 0)
        loop_stop(loop);
    else
        act_after(20, stop_when_it_is_down);
}

/* Long before BROKER_TIMEOUT, which is 5 s here. */
static void gives_up_connecting_after_a_second(void **state)
{
    const struct redis_endpoint saved = nowhere;
    struct world w;
    uint64_t start;
    int fds[4];

    (void)state;
    nowhere = (struct redis_endpoint){ .host = "127.0.0.1", .port = listen_full(fds) };
    world_init(&w, "t");
    world_start(&w, 1, 10000);
    run(&w);
    move_to_silence(&w);
    start = loop_now(loop);
    act_after(20, stop_when_it_is_down);
    run(&w);
    assert_true(loop_now(loop) - start >= 950 && loop_now(loop) - start < 4000);
    world_done(&w);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    nowhere = saved;
}

static void leaves_a_server_that_is_no_master(void **state)
{
    static const struct {
        const char *info, *hello, *why;
    } cases[] = {
        { "role:slave\r\n", NULL, "this Redis is a replica" },
        { "redis_mode:sentinel\r\n", NULL, "this is a Sentinel, which keeps no data" },
        { "", "-MOVED 7 b.example:1\r\n-MOVED 7 b.example:1\r\n-MOVED 7 b.example:1\r\n",
          "MOVED 7 b.example:1" },
        { "", "+OK\r\n+OK\r\n+OK\r\n", "SCRIPT LOAD was not answered with a SHA-1" },
        { "", "-LOADING Redis is loading\r\n-LOADING Redis\r\n-LOADING Redis\r\n",
          "LOADING Redis" },
        { "", "HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error, got \"H\" as reply type byte" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        world_init(&w, "t");
        w.servers[0].info = cases[i].info;
        w.servers[0].hello = cases[i].hello;
        world_start(&w, 1, 10000);
        act_after(150, stop);
        run(&w);
        assert_int_equal(w.n_ups, 0);
        assert_true(w.n_downs > 0 && w.n_downs < 10);
        assert_string_equal(w.why, cases[i].why);
        assert_false(redis_link_is_up(w.link));
        assert_int_equal(w.n_sent, 0);
        world_done(&w);
    }
}

/* ---- random answers ---- */

#define WORLDS      60
#define CHAOS_CALLS 30
#define BATCHES     12
#define LOST_1_IN   16

static void random_batch(struct fake_redis *f, void *owner)
{
    struct world *w = owner;
    struct chaos *c = w->chaos;

    (void)f;
    c->is_lost = c->n_batches && rand_r(&c->seed) % LOST_1_IN == 0;
    c->n_batches -= c->n_batches > 0;
}

static const char *pick_answer(struct fake_redis *f, struct world *w)
{
    static const char *const kinds[] = { OK,    OK,       OK,      OK,          OK,      OK,
                                         OK,    MOVED_A,  MOVED_B, ASK_B,       ASK_B,   FENCE,
                                         CLOSE, TRYAGAIN, FENCE,   CLUSTERDOWN, NOSCRIPT };
    struct chaos *c = w->chaos;
    const char *answer = kinds[(size_t)rand_r(&c->seed) % ARRAY_LEN(kinds)];

    if (c->n_batches == 0)
        return OK;
    if (f == &w->servers[1] && strcmp(answer, ASK_B) == 0)
        return TRYAGAIN; /* a target does not ask itself */
    return answer;
}

static const char *random_answer(struct fake_redis *f, struct world *w, unsigned call)
{
    struct chaos *c = w->chaos;
    const char *answer = c->is_lost ? OK : pick_answer(f, w);
    bool runs = strcmp(answer, OK) == 0;
    int *last = &c->last[client_of(w, call)];

    buf_addf(&w->trace, " %c%u%s", "AB"[f - w->servers], call, runs ? "+" : "");
    if (!runs)
        return strcmp(answer, CLOSE) == 0 ? FAKE_CLOSE : answer;
    if (c->n_run[call]++ > 0 || *last >= (int)call)
        fail_msg("call %u after %d:%.*s", call, *last, STR_ARG(buf_str(&w->trace)));
    *last = (int)call;
    if (!c->is_lost)
        return OK;
    loop_at_end(loop, &c->hang_up[f - w->servers]);
    return NULL;
}

static struct world *world_of(const struct chaos *c)
{
    struct world *w = the_world;

    while (w->chaos != c)
        w++;
    return w;
}

static void on_hang_up_a(struct loop_task *task)
{
    fake_redis_drop(&world_of(container_of(task, struct chaos, hang_up[0]))->servers[0]);
}

static void on_hang_up_b(struct loop_task *task)
{
    fake_redis_drop(&world_of(container_of(task, struct chaos, hang_up[1]))->servers[1]);
}

static void on_more(struct loop_task *task)
{
    struct chaos *c = container_of(task, struct chaos, more);
    struct world *w = world_of(c);

    c->left -= 3;
    add_calls(w, 3);
    pump(w);
}

static void check_fates(const struct world *w)
{
    for (size_t i = 0; i < w->n_calls; i++) {
        int n = w->chaos->n_run[i];

        if ((w->fates[i] == 'O' && n == 1) || (w->fates[i] == 'N' && n == 0) || w->fates[i] == 'U')
            continue;
        fail_msg("call %zu ran %d times: %s;%.*s", i, n, w->fates, STR_ARG(buf_str(&w->trace)));
    }
}

/* Whatever the servers do, each call runs at most once and in the order of its client, and its fate is
 * correct. */
static void keeps_its_promises_whatever_the_servers_answer(void **state)
{
    static struct world worlds[WORLDS];
    static struct chaos chaos[WORLDS];
    const char *seed = getenv("SEED");
    unsigned n_overtaken = 0;

    (void)state;
    for (unsigned i = 0; i < WORLDS; i++) {
        struct world *w = &worlds[i];
        char name[16];

        (void)snprintf(name, sizeof(name), "w%u-", i);
        world_init(w, name);
        chaos[i] = (struct chaos){ .seed = (unsigned)(seed ? atoi(seed) : 1) * 1000 + i,
                                   .n_batches = BATCHES,
                                   .left = CHAOS_CALLS - 3,
                                   .more.fn = on_more,
                                   .hang_up = { { .fn = on_hang_up_a }, { .fn = on_hang_up_b } } };
        memset(chaos[i].last, -1, sizeof(chaos[i].last));
        w->chaos = &chaos[i];
        w->n_clients = 1 + i % 4;
        w->is_script = true;
        for (size_t k = 0; k < SERVERS; k++)
            w->servers[k].on_batch = random_batch;
        w->n_later = i % 3; /* in the middle of the trouble */
        world_start(w, 3, 4000);
    }
    the_world = worlds;
    n_running = WORLDS;
    loop_timer(loop, &watchdog, WATCH_MS);
    loop_run(loop);
    timer_stop(&watchdog);
    for (unsigned i = 0; i < WORLDS; i++) {
        check_fates(&worlds[i]);
        n_overtaken += chaos[i].n_overtaken;
        world_done(&worlds[i]);
    }
    assert_true(n_overtaken > 0); /* else the test shows nothing about them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_refused_calls_again_in_their_order),
        cmocka_unit_test(keeps_the_order_of_each_client),
        cmocka_unit_test(takes_new_calls_when_the_refused_ones_are_done),
        cmocka_unit_test(sends_one_call_at_a_time_while_a_slot_migrates),
        cmocka_unit_test(waits_for_the_first_connection_to_the_target),
        cmocka_unit_test(loads_the_scripts_again),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(gives_up_a_call_that_is_refused_for_ever),
        cmocka_unit_test(does_not_spin_in_a_loop_of_moves),
        cmocka_unit_test(keeps_refused_calls_while_the_new_master_is_away),
        cmocka_unit_test(drains_before_a_move),
        cmocka_unit_test(drains_for_half_a_second_at_most),
        cmocka_unit_test(is_up_while_it_is_renewed),
        cmocka_unit_test(moves_while_it_drains_refused_calls),
        cmocka_unit_test(waits_for_the_fence),
        cmocka_unit_test(waits_on_a_new_connection_until_the_feed_has_joined),
        cmocka_unit_test(gives_other_commands_back_with_the_error),
        cmocka_unit_test(takes_other_commands_while_calls_are_held),
        cmocka_unit_test(gives_all_back_when_it_is_freed),
        cmocka_unit_test(learns_about_the_server),
        cmocka_unit_test(gives_up_connecting_after_a_second),
        cmocka_unit_test(leaves_a_server_that_is_no_master),
        cmocka_unit_test(keeps_its_promises_whatever_the_servers_answer),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
