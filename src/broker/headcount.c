#include "broker/headcount.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/port.h"
#include "hub/topic.h"

struct headcount {
    struct core *core;
    headcount_fn *fn;
    void *arg;
    size_t n_left; /* workers that have not answered */
    struct presence total;
    char filter[TOPIC_MAX];
    struct broker_count parts[]; /* one for each worker */
};

static void on_part(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);
    struct headcount *c = part->headcount;

    (void)owner;
    presence_merge(&c->total, &part->presence);
    presence_done(&part->presence);
    if (--c->n_left)
        return;
    c->fn(c->core->engine, c->arg, c->total);
    free(c);
}

void headcount_counted(struct broker_count *part)
{
    part->mail.fn = on_part;
    mailbox_post(part->headcount->core->inbox, &part->mail);
}

void headcount_start(struct core *core, struct str filter, bool wants_subs, headcount_fn *fn,
                     void *arg)
{
    size_t n = core->fanout->n_ports;
    struct headcount *c = mem_zalloc(sizeof(*c) + n * sizeof(c->parts[0]));

    c->core = core;
    c->fn = fn;
    c->arg = arg;
    c->n_left = n;
    memcpy(c->filter, filter.p, filter.n);
    for (size_t i = 0; i < n; i++) {
        struct broker_port *port = core->fanout->ports[i];

        c->parts[i].headcount = c;
        c->parts[i].filter = str_make(c->filter, filter.n);
        c->parts[i].wants_subs = wants_subs;
        c->parts[i].mail.fn = port->on_count;
        mailbox_post(port->outbox.inbox, &c->parts[i].mail);
    }
}
