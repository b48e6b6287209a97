#include "app/watchdog.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* A mail that travels to a loop and back. */
struct probe {
    struct mail mail;
    struct watchdog *watchdog;
    struct mailbox *box; /* NULL: no longer asked */
    bool is_away;
    char name[WATCHDOG_NAME_MAX];
};

struct watchdog {
    struct watchdog_config config;
    struct timer period;
    bool has_begun; /* the loop runs */
    size_t n_away;
    size_t n_probes;
    struct probe probes[];
};

static void on_answer(struct mail *m, void *owner)
{
    struct probe *p = container_of(m, struct probe, mail);
    struct watchdog *w = p->watchdog;

    (void)owner;
    p->is_away = false;
    if (--w->n_away == 0)
        w->config.on_alive(w->config.arg);
}

/* Runs on the thread that is asked. */
static void on_question(struct mail *m, void *owner)
{
    struct probe *p = container_of(m, struct probe, mail);

    (void)owner;
    m->fn = on_answer;
    mailbox_post(p->watchdog->config.home, m);
}

static void ask(struct watchdog *w)
{
    for (size_t i = 0; i < w->n_probes; i++) {
        struct probe *p = &w->probes[i];

        if (!p->box)
            continue;
        p->mail.fn = on_question;
        p->is_away = true;
        w->n_away++;
        mailbox_post(p->box, &p->mail);
    }
}

static void report_silent(const struct watchdog *w)
{
    for (size_t i = 0; i < w->n_probes; i++) {
        if (w->probes[i].is_away)
            w->config.on_silent(w->config.arg, w->probes[i].name);
    }
}

static void on_period(struct timer *t)
{
    struct watchdog *w = container_of(t, struct watchdog, period);

    if (w->has_begun && w->n_away)
        report_silent(w);
    else if (w->has_begun)
        ask(w);
    w->has_begun = true;
    loop_timer(w->config.loop, t, w->config.period_ms);
}

struct watchdog *watchdog_create(const struct watchdog_config *config)
{
    struct watchdog *w = mem_zalloc(sizeof(*w) + config->max_loops * sizeof(w->probes[0]));

    w->config = *config;
    timer_init(&w->period, on_period);
    return w;
}

void watchdog_add(struct watchdog *w, const char *name, struct mailbox *box)
{
    struct probe *p = &w->probes[w->n_probes];

    assert(w->n_probes < w->config.max_loops);
    p->watchdog = w;
    p->box = box;
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    w->n_probes++;
}

void watchdog_remove(struct watchdog *w, const struct mailbox *box)
{
    for (size_t i = 0; i < w->n_probes; i++) {
        if (w->probes[i].box == box)
            w->probes[i].box = NULL;
    }
}

/* The clock of a loop stands still until the loop runs. The first period begins only then, or it
 * would be too short by the time that the start has taken. */
void watchdog_start(struct watchdog *w)
{
    ask(w);
    loop_timer(w->config.loop, &w->period, 0);
}

void watchdog_free(struct watchdog *w)
{
    if (!w)
        return;
    assert(w->n_away == 0);
    timer_stop(&w->period);
    free(w);
}
