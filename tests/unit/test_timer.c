#include "base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define TURN_MS ((uint64_t)TIMER_TICK_MS * TIMER_SLOTS)

/* A timer, and the state of the naive model for it. */
struct probe {
    struct timer timer;
    uint64_t due_ms;
    unsigned fired;
    struct probe *other;
};

static struct timers wheel;
static uint64_t now;

static struct probe *probe_of(struct timer *t)
{
    return container_of(t, struct probe, timer);
}

static void on_fire(struct timer *t)
{
    assert_false(timer_is_running(t));
    assert_true(probe_of(t)->due_ms <= now); /* never early */
    probe_of(t)->fired++;
}

static void start(struct probe *p, uint64_t after_ms)
{
    timers_start(&wheel, &p->timer, now, after_ms);
    p->due_ms = now + after_ms;
}

static void run_at(uint64_t ms)
{
    now = ms;
    timers_run(&wheel, now);
}

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    timers_init(&wheel, now);
    return 0;
}

static void fires_once_within_a_tick(void **state)
{
    static const uint64_t afters[] = { 0,           1,       15,          16,          17,      100,
                                       TURN_MS - 1, TURN_MS, TURN_MS + 1, 5 * TURN_MS, 86400000 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(afters); i++) {
        struct probe p = { 0 };
        uint64_t begin = now;

        timer_init(&p.timer, on_fire);
        start(&p, afters[i]);
        assert_true(timer_is_running(&p.timer));
        while (!p.fired && now <= begin + afters[i] + TIMER_TICK_MS) {
            int wait = timers_next_ms(&wheel, now);

            assert_true(wait >= 0);
            run_at(now + (wait ? (uint64_t)wait : 1));
        }
        assert_int_equal(p.fired, 1);
        assert_true(now <= begin + afters[i] + TIMER_TICK_MS);
        run_at(now + 3 * TURN_MS);
        assert_int_equal(p.fired, 1);
    }
}

static void fires_everything_after_a_long_jump(void **state)
{
    struct probe p[40] = { 0 };

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        timer_init(&p[i].timer, on_fire);
        start(&p[i], i * (TURN_MS / 7));
    }
    run_at(now + 100 * TURN_MS);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(p[i].fired, 1);
    assert_int_equal(timers_next_ms(&wheel, now), -1);
}

static void keeps_timers_of_later_turns(void **state)
{
    struct probe near = { 0 }, far = { 0 };

    (void)state;
    timer_init(&near.timer, on_fire);
    timer_init(&far.timer, on_fire);
    start(&near, 160);
    start(&far, 160 + TURN_MS); /* the same slot */
    run_at(now + 160 + TIMER_TICK_MS);
    assert_int_equal(near.fired, 1);
    assert_int_equal(far.fired, 0);
    run_at(now + TURN_MS);
    assert_int_equal(far.fired, 1);
}

static void does_not_fire_when_stopped(void **state)
{
    struct probe p = { 0 };

    (void)state;
    timer_init(&p.timer, on_fire);
    timer_stop(&p.timer);
    start(&p, 50);
    timer_stop(&p.timer);
    timer_stop(&p.timer);
    assert_false(timer_is_running(&p.timer));
    assert_int_equal(timers_next_ms(&wheel, now), -1);
    run_at(now + TURN_MS);
    assert_int_equal(p.fired, 0);
}

static void moves_when_started_again(void **state)
{
    struct probe p = { 0 };

    (void)state;
    timer_init(&p.timer, on_fire);
    start(&p, 50);
    start(&p, 500);
    run_at(now + 490);
    assert_int_equal(p.fired, 0);
    run_at(now + 30);
    assert_int_equal(p.fired, 1);
}

static void accepts_an_endless_delay(void **state)
{
    struct probe p = { 0 };

    (void)state;
    timer_init(&p.timer, on_fire);
    timers_start(&wheel, &p.timer, now, UINT64_MAX);
    p.due_ms = UINT64_MAX;
    run_at(now + 1000 * TURN_MS);
    assert_int_equal(p.fired, 0);
    assert_true(timer_is_running(&p.timer));
}

static void on_fire_restart(struct timer *t)
{
    on_fire(t);
    start(probe_of(t), 0);
}

/* A timer that restarts itself with 0 ms fires once a tick, and timers_run returns. */
static void lets_a_timer_restart_itself(void **state)
{
    struct probe p = { 0 };

    (void)state;
    timer_init(&p.timer, on_fire_restart);
    start(&p, 0);
    for (unsigned i = 1; i <= 100; i++) {
        run_at(now + TIMER_TICK_MS);
        assert_int_equal(p.fired, i);
    }
    run_at(now + 10 * TURN_MS);
    assert_int_equal(p.fired, 101);
}

static void on_fire_stop_other(struct timer *t)
{
    on_fire(t);
    timer_stop(&probe_of(t)->other->timer);
}

static void on_fire_start_other(struct timer *t)
{
    on_fire(t);
    start(probe_of(t)->other, 100);
}

/* Both are due in the same run; the first one stops or restarts the other. */
static void lets_a_timer_stop_or_start_another(void **state)
{
    struct probe a = { 0 }, b = { 0 };

    (void)state;
    a.other = &b;
    b.other = &a;
    timer_init(&a.timer, on_fire_stop_other);
    timer_init(&b.timer, on_fire_stop_other);
    start(&a, 20);
    start(&b, 20);
    run_at(now + 100);
    assert_int_equal(a.fired + b.fired, 1);

    timer_init(&a.timer, on_fire_start_other);
    timer_init(&b.timer, on_fire);
    a.fired = b.fired = 0;
    start(&a, 20);
    start(&b, 30);
    run_at(now + 80);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    run_at(now + 120);
    assert_int_equal(b.fired, 1);
}

static unsigned freed;

static void on_fire_free(struct timer *t)
{
    struct probe *p = probe_of(t);

    if (p->other) { /* is due too */
        timer_stop(&p->other->timer);
        free(p->other);
        freed++;
    }
    free(p);
    freed++;
}

static void lets_a_timer_free_itself_and_another(void **state)
{
    struct probe *first = calloc(1, sizeof(*first));
    struct probe *second = calloc(1, sizeof(*second));

    (void)state;
    freed = 0;
    first->other = second;
    timer_init(&first->timer, on_fire_free);
    timer_init(&second->timer, on_fire_free);
    start(first, 10);
    start(second, 10);
    run_at(now + 100);
    assert_int_equal(freed, 2);
}

static void tolerates_time_going_back(void **state)
{
    struct probe p = { 0 };
    uint64_t begin = now;

    (void)state;
    timer_init(&p.timer, on_fire);
    start(&p, 100);
    run_at(begin + 50);
    run_at(begin + 10);
    assert_int_equal(p.fired, 0);
    run_at(begin + 100 + TIMER_TICK_MS);
    assert_int_equal(p.fired, 1);
}

#define PROBES 200

struct model {
    struct probe probes[PROBES];
    uint64_t seed;
};

static uint64_t draw(struct model *m, uint64_t below)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % below;
}

/* Draws a delay: mostly short, sometimes several turns of the wheel. */
static uint64_t draw_ms(struct model *m)
{
    static const uint64_t spans[] = { 1, 20, 100, 2000, TURN_MS, 4 * TURN_MS };

    return draw(m, spans[draw(m, ARRAY_LEN(spans))] + 1);
}

static void model_act(struct model *m)
{
    struct probe *p = &m->probes[draw(m, PROBES)];

    if (draw(m, 4) == 0)
        timer_stop(&p->timer);
    else
        start(p, draw_ms(m));
}

/* Checks that no running timer is overdue by a tick or more, and that the wheel does not let the
 * caller sleep past one. */
static void model_check(struct model *m)
{
    int wait = timers_next_ms(&wheel, now);
    bool any = false;

    for (size_t i = 0; i < PROBES; i++) {
        struct probe *p = &m->probes[i];

        if (!timer_is_running(&p->timer))
            continue;
        any = true;
        assert_true(p->due_ms + TIMER_TICK_MS > now);
        assert_true(now + (uint64_t)wait <= p->due_ms + TIMER_TICK_MS);
    }
    assert_int_equal(any, wait >= 0);
}

static void agrees_with_a_naive_model(void **state)
{
    static struct model m;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        m = (struct model){ .seed = seed * UINT64_C(0x9E3779B97F4A7C15) };
        set_up(NULL);
        for (size_t i = 0; i < PROBES; i++)
            timer_init(&m.probes[i].timer, on_fire);
        for (int step = 0; step < 2000; step++) {
            for (uint64_t n = draw(&m, 6); n; n--)
                model_act(&m);
            run_at(now + draw_ms(&m));
            model_check(&m);
        }
    }
}

/* on_fire checks that no timer fires early; this test counts how often each one fires. */
static void fires_each_started_timer_exactly_once(void **state)
{
    static struct probe p[1000];
    struct model m = { .seed = 42 };

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        p[i] = (struct probe){ 0 };
        timer_init(&p[i].timer, on_fire);
        start(&p[i], draw_ms(&m));
    }
    while (timers_next_ms(&wheel, now) >= 0)
        run_at(now + (uint64_t)timers_next_ms(&wheel, now));
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i].fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fires_once_within_a_tick, set_up),
        cmocka_unit_test_setup(fires_everything_after_a_long_jump, set_up),
        cmocka_unit_test_setup(keeps_timers_of_later_turns, set_up),
        cmocka_unit_test_setup(does_not_fire_when_stopped, set_up),
        cmocka_unit_test_setup(moves_when_started_again, set_up),
        cmocka_unit_test_setup(accepts_an_endless_delay, set_up),
        cmocka_unit_test_setup(lets_a_timer_restart_itself, set_up),
        cmocka_unit_test_setup(lets_a_timer_stop_or_start_another, set_up),
        cmocka_unit_test_setup(lets_a_timer_free_itself_and_another, set_up),
        cmocka_unit_test_setup(tolerates_time_going_back, set_up),
        cmocka_unit_test_setup(agrees_with_a_naive_model, set_up),
        cmocka_unit_test_setup(fires_each_started_timer_exactly_once, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
