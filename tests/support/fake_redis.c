#include "support/fake_redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "broker/redis/redis_parser.h"
#include "net/sock.h"
#include "net/stream.h"

struct fake_conn {
    struct list link;
    struct fake_redis *redis;
    struct stream stream;
    struct redis_parser *parser;
    bool is_asking;
    struct loop_task reap;
};

static void on_reap(struct loop_task *task)
{
    struct fake_conn *c = container_of(task, struct fake_conn, reap);

    redis_parser_free(c->parser);
    free(c);
}

static void close_conn(struct fake_conn *c)
{
    list_remove(&c->link);
    stream_close(&c->stream);
    loop_reap_later(c->redis->loop, &c->reap);
}

static void say(struct fake_conn *c, const char *bytes)
{
    stream_write(&c->stream, str_of(bytes));
}

static bool is_word(const redisReply *command, size_t i, const char *word)
{
    return i < command->elements && strcmp(command->element[i]->str, word) == 0;
}

static void say_info(struct fake_conn *c)
{
    struct buf b = { 0 };

    buf_addf(&b, "$%zu\r\n%s\r\n", strlen(c->redis->info), c->redis->info);
    buf_add_char(&b, '\0');
    say(c, buf_head(&b));
    buf_done(&b);
}

static void say_sha(struct fake_conn *c)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "$40\r\n%040u\r\n", c->redis->n_loads++);
    say(c, text);
}

/* Answers a command of the greeting; returns whether it is one. */
static bool greet(struct fake_conn *c, const redisReply *command)
{
    if (is_word(command, 0, "INFO") && c->redis->info)
        say_info(c);
    else if (is_word(command, 0, "INFO"))
        say(c, "-NOPERM this user has no permissions to run the 'info' command\r\n");
    else if (is_word(command, 0, "CLIENT") && !c->redis->info)
        say(c, "-NOPERM this user has no permissions to run the 'client' command\r\n");
    else if (is_word(command, 0, "SCRIPT"))
        say_sha(c);
    else if (is_word(command, 0, "PING"))
        say(c, "+PONG\r\n");
    else if (is_word(command, 0, "CLIENT") || is_word(command, 0, "SELECT") ||
             is_word(command, 0, "AUTH") || is_word(command, 0, "ASKING"))
        say(c, "+OK\r\n");
    else
        return false;
    return true;
}

static void on_command(struct fake_conn *c, const redisReply *command)
{
    const char *reply;

    if (c->redis->hello)
        return;
    if (greet(c, command)) {
        c->is_asking = is_word(command, 0, "ASKING");
        return;
    }
    reply = c->redis->on_command(c->redis, c->redis->owner, command, c->is_asking);
    c->is_asking = false;
    if (reply == FAKE_CLOSE) {
        stream_flush(&c->stream); /* the answers to earlier commands */
        close_conn(c);
    } else if (reply) {
        say(c, reply);
    }
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct fake_conn *c = container_of(s, struct fake_conn, stream);
    struct str in = { p, n };
    const redisReply *command;

    if (c->redis->on_batch)
        c->redis->on_batch(c->redis, c->redis->owner);
    while (stream_is_open(s)) {
        if (redis_parser_next(c->parser, &command) < 0)
            abort();
        if (command)
            on_command(c, command);
        else if (in.n)
            redis_parser_feed(c->parser, &in);
        else
            return;
    }
}

static void on_end(struct stream *s, int err)
{
    (void)err;
    close_conn(container_of(s, struct fake_conn, stream));
}

static const struct stream_events events = { .on_data = on_data, .on_end = on_end };

static void on_accept(struct loop_io *io, uint32_t ready)
{
    struct fake_redis *f = container_of(io, struct fake_redis, listener);
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct fake_conn *c;

    (void)ready;
    if (fd < 0)
        return;
    c = mem_zalloc(sizeof(*c));
    c->redis = f;
    c->parser = redis_parser_create();
    c->reap.fn = on_reap;
    if (stream_open(&c->stream, f->loop, fd, &events) < 0)
        abort();
    list_push(&f->conns, &c->link);
    f->n_accepted++;
    if (f->hello)
        say(c, f->hello);
}

void fake_redis_init(struct fake_redis *f, struct loop *lp, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *f = (struct fake_redis){ .loop = lp, .info = "role:master\r\n" };
    list_init(&f->conns);
    f->listener.fn = on_accept;
    (void)snprintf(f->endpoint.host, sizeof(f->endpoint.host), "%s", path);
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0 ||
        loop_watch(lp, &f->listener, fd, EPOLLIN) < 0)
        abort();
}

void fake_redis_drop(struct fake_redis *f)
{
    struct list *link;

    while ((link = list_first(&f->conns)))
        close_conn(container_of(link, struct fake_conn, link));
}

void fake_redis_say(struct fake_redis *f, const char *bytes)
{
    list_for_each(link, &f->conns) say(container_of(link, struct fake_conn, link), bytes);
}

void fake_redis_done(struct fake_redis *f)
{
    fake_redis_drop(f);
    loop_close(f->loop, &f->listener);
    (void)unlink(f->endpoint.host);
}
