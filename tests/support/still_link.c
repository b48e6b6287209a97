#include "support/still_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/mem.h"
#include "broker/redis/redis_command.h"

#define ARGS 20 /* of a command, each cut to 39 bytes */

struct sent {
    struct list link;
    struct redis_done done;
    size_t n;
    char args[ARGS][40];
};

struct redis_link {
    struct list all;
    struct redis_link_config config;
    struct list sent;
    bool is_up;
    size_t n_sent; /* ever */
};

static struct list links = { &links, &links };

static struct sent *oldest(const struct redis_link *l)
{
    assert_false(list_empty(&l->sent));
    return container_of(l->sent.next, struct sent, link);
}

static void finish(struct redis_link *l, enum redis_fate fate, const struct redisReply *reply)
{
    struct sent *s = oldest(l);

    list_remove(&s->link);
    if (s->done.fn)
        s->done.fn(s->done.owner, s->done.arg, fate, reply);
    free(s);
}

static void lose(struct redis_link *l)
{
    l->is_up = false;
    while (!list_empty(&l->sent))
        finish(l, REDIS_UNKNOWN, NULL);
}

/* ---- what the test calls ---- */

struct redis_link *still_link_last(void)
{
    assert_false(list_empty(&links));
    return container_of(links.prev, struct redis_link, all);
}

void still_link_up(struct redis_link *l)
{
    assert_false(l->is_up);
    l->is_up = true;
    if (l->config.events)
        l->config.events->on_up(l, l->config.owner);
}

void still_link_down(struct redis_link *l)
{
    lose(l);
    if (l->config.events)
        l->config.events->on_down(l, l->config.owner, "down");
}

const char *still_link_asked(const struct redis_link *l)
{
    return list_empty(&l->sent) ? NULL : oldest(l)->args[0];
}

size_t still_link_arguments(const struct redis_link *l)
{
    return oldest(l)->n;
}

const char *still_link_argument(const struct redis_link *l, size_t i)
{
    assert_true(i < oldest(l)->n);
    return oldest(l)->args[i];
}

size_t still_link_sent(const struct redis_link *l)
{
    return l->n_sent;
}

void still_link_push(struct redis_link *l, const struct redisReply *reply)
{
    l->config.events->on_push(l, l->config.owner, reply);
}

void still_link_answer(struct redis_link *l, const struct redisReply *reply)
{
    finish(l, REDIS_ANSWERED, reply);
}

void still_link_answer_text(struct redis_link *l, const char *text)
{
    char copy[64];

    assert_true(strlen(text) < sizeof(copy));
    strcpy(copy, text);
    still_link_answer(
        l, &(redisReply){ .type = REDIS_REPLY_STRING, .str = copy, .len = strlen(copy) });
}

void still_link_fail(struct redis_link *l)
{
    finish(l, REDIS_UNKNOWN, NULL);
}

void still_link_end(void)
{
    while (!list_empty(&links)) {
        struct redis_link *l = container_of(links.next, struct redis_link, all);

        assert_true(list_empty(&l->sent));
        list_remove(&l->all);
        free(l);
    }
}

/* ---- redis_link.h ---- */

struct redis_link *redis_link_create(const struct redis_link_config *config)
{
    struct redis_link *l = mem_zalloc(sizeof(*l));

    l->config = *config;
    list_init(&l->sent);
    list_push(&links, &l->all);
    return l;
}

void redis_link_free(struct redis_link *l)
{
    lose(l);
}

bool redis_link_can_send(const struct redis_link *l)
{
    return l->is_up;
}

void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done)
{
    struct sent *s = mem_zalloc(sizeof(*s));

    assert_true(l->is_up);
    s->done = done;
    assert_true(c->n <= ARGS);
    s->n = c->n;
    for (size_t i = 0; i < c->n; i++)
        (void)snprintf(s->args[i], sizeof(s->args[i]), "%.*s", (int)c->lengths[i], c->args[i]);
    if (c->is_script)
        strcpy(s->args[0], "script");
    list_push(&l->sent, &s->link);
    l->n_sent++;
}

void redis_link_drop(struct redis_link *l, const char *why)
{
    (void)why;
    if (l->is_up)
        still_link_down(l);
}

void redis_link_ping(struct redis_link *l)
{
    (void)l;
}

void redis_link_retry_now(struct redis_link *l)
{
    (void)l;
}

void redis_link_move(struct redis_link *l, const struct redis_endpoint *endpoint, const char *why)
{
    (void)l;
    (void)endpoint;
    (void)why;
}

const struct redis_info *redis_link_info(const struct redis_link *l)
{
    (void)l;
    return NULL;
}
