#include "broker/redis/redis_redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"

#define NONE        REDIS_REDIRECT_NONE
#define MOVED       REDIS_REDIRECT_MOVED
#define ASK         REDIS_REDIRECT_ASK
#define TRYAGAIN    REDIS_REDIRECT_TRYAGAIN
#define CLUSTERDOWN REDIS_REDIRECT_CLUSTERDOWN

static struct redis_redirect redirect_of(int type, char *text)
{
    struct redisReply r = { .type = type, .str = text, .len = strlen(text) };

    return redis_redirect_of(&r);
}

static void reads_an_error(void **state)
{
    static const struct {
        const char *text;
        enum redis_redirect_kind kind;
        unsigned slot;
        const char *host;
        uint16_t port;
    } cases[] = {
        { "MOVED 3999 127.0.0.1:6381", MOVED, 3999, "127.0.0.1", 6381 },
        { "MOVED 0 a.example:1", MOVED, 0, "a.example", 1 },
        { "MOVED 16383 a.example:65535", MOVED, 16383, "a.example", 65535 },
        { "MOVED 5 ::1:6379", MOVED, 5, "::1", 6379 }, /* after the last colon */
        { "MOVED 5 fe80::1%eth0:6379", MOVED, 5, "fe80::1%eth0", 6379 },
        { "MOVED 5 :7001", MOVED, 5, "", 7001 },
        { "MOVED 5 ?:7001", MOVED, 5, "", 0 },
        { "ASK 3999 127.0.0.1:6381", ASK, 3999, "127.0.0.1", 6381 },
        { "TRYAGAIN Multiple keys request during rehashing of slot", TRYAGAIN, 0, "", 0 },
        { "TRYAGAIN", TRYAGAIN, 0, "", 0 },
        { "CLUSTERDOWN The cluster is down", CLUSTERDOWN, 0, "", 0 },
        { "CLUSTERDOWN Hash slot not served", CLUSTERDOWN, 0, "", 0 },
        { "NOSCRIPT No matching script. Please use EVAL.", REDIS_REDIRECT_NOSCRIPT, 0, "", 0 },
        { "FENCE the lineage is not known", REDIS_REDIRECT_FENCE, 0, "", 0 },
        { "FENCE", REDIS_REDIRECT_FENCE, 0, "", 0 },
        /* other errors */
        { "", NONE, 0, "", 0 },
        { "ERR unknown command", NONE, 0, "", 0 },
        { "READONLY You can't write against a read only replica.", NONE, 0, "", 0 },
        { "ERR MOVED 3999 127.0.0.1:6381", NONE, 0, "", 0 },
        { "FENCED", NONE, 0, "", 0 },
        { "TRYAGAINST", NONE, 0, "", 0 },
        /* within a script, which may have written before */
        { "CLUSTERDOWN no script: 1f, on @user_script:1.", NONE, 0, "", 0 },
        { "ERR Error running script: @user_script: 61: -TRYAGAIN Multiple keys", NONE, 0, "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[100];
        struct redis_redirect got;

        strcpy(text, cases[i].text);
        got = redirect_of(REDIS_REPLY_ERROR, text);
        if (got.kind != cases[i].kind)
            fail_msg("'%s' is %d", text, (int)got.kind);
        assert_int_equal(got.slot, cases[i].slot);
        assert_string_equal(got.endpoint.host, cases[i].host);
        assert_int_equal(got.endpoint.port, cases[i].port);
        assert_int_equal(redirect_of(REDIS_REPLY_STATUS, text).kind, NONE);
        assert_int_equal(redirect_of(REDIS_REPLY_STRING, text).kind, NONE);
    }
}

static void takes_a_malformed_redirect_for_an_error(void **state)
{
    static const char *const rests[] = {
        "",
        " ",
        " 3999",
        " 3999 ",
        " 3999 127.0.0.1",
        " 3999 127.0.0.1:",
        " 3999 127.0.0.1:0",
        " 3999 127.0.0.1:65536",
        " 3999 127.0.0.1:-1",
        " 3999 127.0.0.1:6381x",
        " 3999 127.0.0.1:99999999999999999999",
        " 3999 127.0.0.1:6381 more",
        " 3999  127.0.0.1:6381",
        " 16384 127.0.0.1:6381",
        " -1 127.0.0.1:6381",
        " x 127.0.0.1:6381",
        " 127.0.0.1:6381",
        " 3999 /run/redis.sock:6381",
        " 3999 a\nb:6381",
        " 3999 a\xffz:6381",
        " 3999 ?",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
        char moved[100] = "MOVED", ask[100] = "ASK";

        strcat(moved, rests[i]);
        strcat(ask, rests[i]);
        if (redirect_of(REDIS_REPLY_ERROR, moved).kind != NONE)
            fail_msg("'%s' is taken", moved);
        assert_int_equal(redirect_of(REDIS_REPLY_ERROR, ask).kind, NONE);
    }
}

static void bounds_the_host(void **state)
{
    char text[REDIS_HOST_MAX + 100];

    (void)state;
    for (int n = REDIS_HOST_MAX; n <= REDIS_HOST_MAX + 1; n++) {
        struct redis_redirect got;

        strcpy(text, "MOVED 1 ");
        memset(text + 8, 'h', (size_t)n);
        strcpy(text + 8 + n, ":7000");
        got = redirect_of(REDIS_REPLY_ERROR, text);
        assert_int_equal(got.kind, n == REDIS_HOST_MAX ? MOVED : NONE);
        assert_int_equal(strlen(got.endpoint.host), n == REDIS_HOST_MAX ? REDIS_HOST_MAX : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_error),
        cmocka_unit_test(takes_a_malformed_redirect_for_an_error),
        cmocka_unit_test(bounds_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
