#include "app/http/api_ask.h"

#include <jansson.h>
#include <stdlib.h>

#include "app/conn/conn.h"
#include "app/conn/pending.h"
#include "app/http/api_call.h"
#include "base/mem.h"
#include "proto/json.h"

void api_ask_answer(struct conn *c, json_t *merged, bool is_complete)
{
    struct buf text = { 0 };

    (void)json_object_set_new(merged, "complete", json_boolean(is_complete));
    json_add_value(&text, merged, JSON_COMPACT);
    api_call_answer(c, buf_str(&text));
    buf_done(&text);
    json_decref(merged);
}

static void on_asked(struct pending *p, struct conn *c)
{
    struct broker_ask *got = &p->call.ask;
    struct api_question *q = p->owner;

    if (c && c->state == CONN_BUSY) { /* else it is gone, or the drain has answered the request */
        if (p->call.status == BROKER_DONE || q->is_done)
            api_ask_answer(c, q->merge(q, got->ret_answers),
                           p->call.status == BROKER_DONE && got->ret_complete);
        else if (p->call.status == BROKER_UNKNOWN)
            api_call_fail(c, 503, "no node has answered: outcome unknown");
        else
            api_call_fail(c, 503, API_NOT_DONE);
    }
    json_decref(got->ret_answers);
    json_decref(q->text);
    free(q->extra);
    free(q);
}

void api_ask(struct conn *c, const struct api_question *question)
{
    struct pending *p = pending_create(&(struct reply){ 0 }, 0);
    struct api_question *q = mem_alloc(sizeof(*q));

    *q = *question;
    p->owner = q;
    p->done = on_asked;
    p->call.ask.question = q->text;
    http_later_wait(c);
    pending_start(p, c, BROKER_OP_ASK);
}
