/* test_stream_tls_random.c - both sides send, change keys, pause and resume in random order, over a
 * network that carries a few bytes at a time. All bytes must arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/shared.h"
#include "support/tls_pair.h"

#define RUNS  60
#define STEPS 400

static unsigned run, seed;            /* the run is the seed of all that happens */
static struct buf to_stream, to_peer; /* all bytes sent in each direction */
static struct buf wire;               /* bytes of the peer that are under way */

static size_t any(size_t below)
{
    return (size_t)rand_r(&seed) % below;
}

/* Appends n bytes whose values depend on their position, and returns them. */
static struct str say(struct buf *all, size_t n)
{
    size_t before = buf_used(all);

    for (size_t i = 0; i < n; i++)
        buf_add_char(all, (char)((before + i) * 31 >> 3));
    return str_make(buf_head(all) + before, n);
}

static void peer_sends(void)
{
    struct str text = say(&to_stream, 1 + any(any(4) ? 300 : 40000));

    peer_write(text.p, text.n);
}

static void stream_sends(void)
{
    struct str text = say(&to_peer, 1 + any(any(4) ? 300 : 40000));
    size_t head = any(text.n < 43 ? text.n : 43);
    struct bytes *body = bytes_copy(str_skip(text, head));

    stream_send(&fx.stream, str_make(text.p, head), &body->shared, bytes_str(body));
    shared_unref(&body->shared);
}

static void peer_changes_keys(void)
{
    int how = any(2) ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;

    if (SSL_version(fx.ssl) == TLS1_3_VERSION && SSL_key_update(fx.ssl, how) == 1)
        (void)SSL_do_handshake(fx.ssl);
}

/* Carries at most `most` bytes that the peer has written; false if there are none, or no room. */
static bool carry_some_out(size_t most)
{
    char p[8192];
    ssize_t sent;
    int n;

    while ((n = BIO_read(fx.out, p, sizeof(p))) > 0)
        buf_add(&wire, p, (size_t)n);
    if (most > buf_used(&wire))
        most = buf_used(&wire);
    sent = most ? send(fx.fd, buf_head(&wire), most, MSG_NOSIGNAL) : 0;
    if (sent > 0)
        buf_consume(&wire, (size_t)sent);
    return sent > 0;
}

static void step(void)
{
    switch (any(10)) {
    case 0: peer_sends(); break;
    case 1: stream_sends(); break;
    case 2: peer_changes_keys(); break;
    case 3: (void)carry_some_out(1 + any(100)); break;
    case 4: (void)carry_some_out(1 + any(50000)); break;
    case 5: (void)carry_in(1 + any(20000)); break;
    case 6: assert_int_equal(read_back(), SSL_ERROR_WANT_READ); break;
    case 7: stream_pause(&fx.stream); break;
    case 8: stream_resume(&fx.stream); break;
    default: turn(); break;
    }
}

/* Sends nothing new: turns of the loop must deliver everything that is under way. A round without
 * progress may be half a record. */
static void settle(void)
{
    stream_resume(&fx.stream);
    for (int idle = 0; idle < 3; idle++) {
        size_t got = buf_used(&fx.got), back = buf_used(&fx.back);
        bool moved = carry_some_out(ALL);

        for (int i = 0; i < 4; i++)
            turn();
        moved = carry_in(ALL) || moved;
        assert_int_equal(read_back(), SSL_ERROR_WANT_READ);
        if (moved || got != buf_used(&fx.got) || back != buf_used(&fx.back))
            idle = 0;
    }
}

static void assert_same(struct buf *got, struct buf *sent)
{
    if (buf_used(got) != buf_used(sent))
        fail_msg("%zu of %zu bytes arrived in run %u", buf_used(got), buf_used(sent), run);
    assert_memory_equal(buf_head(got), buf_head(sent), buf_used(sent));
}

static void assert_all_arrives(void)
{
    handshake();
    for (int i = 0; i < STEPS; i++)
        step();
    settle();
    assert_int_equal(fx.ends, 0);
    assert_same(&fx.got, &to_stream);
    assert_same(&fx.back, &to_peer);
    stream_shutdown(&fx.stream);
    turn();
    while (carry_in(ALL))
        ;
    assert_int_equal(read_back(), SSL_ERROR_ZERO_RETURN);
}

static void forget(void)
{
    struct buf *all[] = { &to_stream, &to_peer, &wire, &fx.got, &fx.back };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_done(all[i]);
}

/* Shrinks the buffers of a socket, so that they are full most of the time. */
static void shrink(int fd)
{
    int bytes = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
}

static void run_all(int version)
{
    SSL_CTX_set_max_proto_version(fx.ctx, version);
    for (run = 0; run < RUNS; run++) {
        seed = run;
        disconnect_pair();
        connect_pair();
        shrink(fx.stream.io.fd);
        shrink(fx.fd);
        assert_all_arrives();
        forget();
    }
}

static void delivers_everything_over_tls_1_2(void **state)
{
    (void)state;
    run_all(TLS1_2_VERSION);
}

static void delivers_everything_over_tls_1_3(void **state)
{
    (void)state;
    run_all(TLS1_3_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(delivers_everything_over_tls_1_2),
                                        TEST(delivers_everything_over_tls_1_3) };

    return cmocka_run_group_tests(tests, tls_pair_set_up_all, tls_pair_tear_down_all);
}
