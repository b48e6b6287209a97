#include "broker/headcount.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/port.h"
#include "hub/topic.h"

struct headcount {
    struct core *core;
    headcount_fn *fn; /* NULL: asked_fn */
    headcount_asked_fn *asked_fn;
    void *arg;
    size_t n_left; /* workers that have not answered */
    struct presence total;
    json_t *question; /* NULL: who is subscribed */
    json_t *answers;
    char filter[TOPIC_MAX];
    struct broker_count parts[]; /* one for each worker */
};

static void take_part(struct headcount *c, struct broker_count *part)
{
    presence_merge(&c->total, &part->presence);
    presence_done(&part->presence);
    if (part->answer)
        (void)json_array_append_new(c->answers, part->answer);
}

static void on_part(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);
    struct headcount *c = part->headcount;

    (void)owner;
    take_part(c, part);
    if (--c->n_left)
        return;
    if (c->question && c->core->config.trim_answers)
        c->core->config.trim_answers(c->question, c->answers);
    if (c->fn)
        c->fn(c->core->engine, c->arg, c->total);
    else
        c->asked_fn(c->core->engine, c->arg, c->answers);
    json_decref(c->question);
    free(c);
}

void headcount_counted(struct broker_count *part)
{
    part->mail.fn = on_part;
    mailbox_post(part->headcount->core->inbox, &part->mail);
}

static struct headcount *create(struct core *core, void *arg)
{
    size_t n = core->fanout->n_ports;
    struct headcount *c = mem_zalloc(sizeof(*c) + n * sizeof(c->parts[0]));

    c->core = core;
    c->arg = arg;
    c->n_left = n;
    return c;
}

/* Posts a copy of this part to each worker. */
static void post(struct headcount *c, const struct broker_count *part)
{
    for (size_t i = 0; i < c->core->fanout->n_ports; i++) {
        struct broker_port *port = c->core->fanout->ports[i];

        c->parts[i] = *part;
        c->parts[i].headcount = c;
        c->parts[i].mail.fn = port->on_count;
        mailbox_post(port->outbox.inbox, &c->parts[i].mail);
    }
}

void headcount_start(struct core *core, struct str filter, bool wants_subs, headcount_fn *fn,
                     void *arg)
{
    struct headcount *c = create(core, arg);

    c->fn = fn;
    memcpy(c->filter, filter.p, filter.n);
    post(c, &(struct broker_count){ .filter = str_make(c->filter, filter.n),
                                    .wants_subs = wants_subs });
}

void headcount_ask(struct core *core, const struct json_t *question, headcount_asked_fn *fn,
                   void *arg)
{
    struct headcount *c = create(core, arg);

    c->asked_fn = fn;
    c->question = json_deep_copy(question);
    c->answers = json_array();
    post(c, &(struct broker_count){ .question = c->question });
}
