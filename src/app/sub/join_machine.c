#include "app/sub/join_machine.h"

#include "app/conn/conn_output.h"
#include "app/sub/delivery.h"
#include "app/sub/echo.h"
#include "app/sub/join_data.h"

#define HELD_COST 128 /* of a message besides its body: its head and its unit in the queue */

static struct sub *sub_of(struct catch_up *c)
{
    return container_of(c, struct join, machine)->sub;
}

static void on_deliver(struct catch_up *c, struct message *m)
{
    struct sub *s = sub_of(c);
    struct delivery d;

    if (echo_is_own(s->conn, m, s->join->n_authored))
        return;
    delivery_init(&d, s->conn->worker, m);
    delivery_send(&d, s);
    delivery_done(&d);
}

/* Messages of unknown topics are missing. */
static void tell_gap_of_all(const struct join *j)
{
    char filter[TOPIC_MAX];

    if (!j->many)
        j->sub->conn->writer->gap(j->sub, join_filter(j));
    for (const struct sub *s = j->many ? j->sub : NULL; s; s = sub_next(s))
        s->conn->writer->gap(s, str_make(filter, trie_filter(&s->trie, filter)));
}

static void on_gap(struct catch_up *c, struct gaps *gaps)
{
    struct sub *s = sub_of(c);
    bool is_to_be_told = s->gaps && !s->join->gap_is_told;

    s->join->gap_is_told = false;
    for (size_t i = 0; is_to_be_told && gaps && i < gaps->n; i++)
        s->conn->writer->gap(s, gaps->topics[i]);
    if (is_to_be_told && !gaps)
        tell_gap_of_all(s->join);
    free(gaps);
}

static void on_reached(struct catch_up *c, struct msgid snapshot_end)
{
    struct sub *s = sub_of(c);

    s->last = snapshot_end;
    if (s->conn->writer->caught_up)
        s->conn->writer->caught_up(s->conn, snapshot_end);
}

static size_t held_cost(const struct message *m)
{
    return m->body.n + HELD_COST;
}

static bool may_hold(struct catch_up *c, const struct message *m)
{
    struct conn *conn = sub_of(c)->conn;
    bool has_room = conn_may_hold(conn, m ? held_cost(m) : 0);

    if (!has_room && c->has_no_log)
        conn_overflow(conn);
    return has_room;
}

static void on_hold(struct catch_up *c, struct message *m)
{
    conn_hold(sub_of(c)->conn, &m->shared, held_cost(m));
}

static void on_release(struct catch_up *c, struct message *m)
{
    conn_release(sub_of(c)->conn, &m->shared, held_cost(m));
}

const struct catch_up_ops join_machine_ops = {
    .deliver = on_deliver,
    .gap = on_gap,
    .reached = on_reached,
    .may_hold = may_hold,
    .hold = on_hold,
    .release = on_release,
};
