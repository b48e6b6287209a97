#include "proto/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY   "\x01\x02\x03\x04\x0a\x00\x00\x01\x12\x67\x00\x50"
#define V6_IP     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define V6_BODY   V6_IP "\x01" V6_IP "\x02\x12\x67\x00\x50"

static const uint8_t v4_ip[16] = { [10] = 0xff, 0xff, 1, 2, 3, 4 };
static const uint8_t v6_ip[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

/* Parses the header at every length: it is incomplete up to `decided_n` bytes, and of the same
 * length from then on. */
static void expect_decided(struct str in, size_t decided_n, size_t want_n, const uint8_t *ip,
                           uint16_t port)
{
    struct proxy_header h;

    for (size_t n = 0; n < decided_n; n++) {
        if (proxy_parse(str_make(in.p, n), &h) != 0)
            fail_msg("the header was not incomplete after %zu bytes", n);
    }
    for (size_t n = decided_n; n <= in.n; n++)
        assert_int_equal(proxy_parse(str_make(in.p, n), &h), want_n);
    assert_int_equal(h.has_source, ip != NULL);
    if (!ip)
        return;
    assert_memory_equal(h.ip, ip, 16);
    assert_int_equal(h.port, port);
}

/* A line of version 1 is decided at its end. */
static void expect_header(struct str in, size_t want_n, const uint8_t *ip, uint16_t port)
{
    expect_decided(in, want_n, want_n, ip, port);
}

/* A header of version 2 is decided when its addresses are complete, if it has any that matter. */
static void expect_header_2(struct str in, size_t want_n, const uint8_t *ip, uint16_t port)
{
    size_t addresses_n = !ip ? 0 : ip == v4_ip ? 12 : 36;

    expect_decided(in, PROXY_V2_HEAD + addresses_n, want_n, ip, port);
}

static void expect_refused(struct str in)
{
    struct proxy_header h;

    if (proxy_parse(in, &h) != EH_EINVAL)
        fail_msg("%.*s was accepted", STR_ARG(in));
}

static void parses_version_1(void **state)
{
    static const struct {
        const char *text;
        const uint8_t *ip;
        uint16_t port;
    } cases[] = {
        { "PROXY TCP4 1.2.3.4 10.0.0.1 4711 80\r\n", v4_ip, 4711 },
        { "PROXY TCP4 1.2.3.4 10.0.0.1 65535 0\r\n", v4_ip, 65535 },
        { "PROXY TCP6 2001:db8::1 ::2 4711 80\r\n", v6_ip, 4711 },
        { "PROXY UNKNOWN\r\n", NULL, 0 },
        { "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", NULL, 0 },
        { "PROXY UNKNOWN anything at all\r\n", NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        size_t n = strlen(cases[i].text);

        (void)snprintf(text, sizeof(text), "%sGET / HTTP/1.1", cases[i].text);
        expect_header(str_of(text), n, cases[i].ip, cases[i].port);
    }
}

static void refuses_malformed_version_1(void **state)
{
    static const char *const cases[] = {
        "GET / HTTP/1.1\r\n",
        "X",
        "PROXY\r\n",
        "PROXX",
        "proxy TCP4 1.2.3.4 10.0.0.1 4711 80\r\n",
        "PROXY  TCP4 1.2.3.4 10.0.0.1 4711 80\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 4711 80\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 4711 80 \r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 4711 80 1\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 4711\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1  80\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 65536 80\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 4711 65536\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 04711 80\r\n",
        "PROXY TCP4 1.2.3.4 10.0.0.1 -1 80\r\n",
        "PROXY TCP4 1.2.3.256 10.0.0.1 4711 80\r\n",
        "PROXY TCP4 1.2.3.4 host 4711 80\r\n",
        "PROXY TCP4 ::1 ::2 4711 80\r\n",
        "PROXY TCP6 1.2.3.4 10.0.0.1 4711 80\r\n",
        "PROXY TCP5 1.2.3.4 10.0.0.1 4711 80\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
        "PROXY \n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(str_of(cases[i]));
    expect_refused(STR("PROXY TCP4 1.2.3.4\0 10.0.0.1 4711 80\r\n"));
}

/* The longest line has PROXY_V1_MAX bytes including its end. */
static void limits_the_length_of_version_1(void **state)
{
    char text[PROXY_V1_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "PROXY UNKNOWN ", strlen("PROXY UNKNOWN "));
    expect_refused(str_make(text, PROXY_V1_MAX));
    text[PROXY_V1_MAX - 2] = '\r';
    text[PROXY_V1_MAX - 1] = '\n';
    expect_header(str_make(text, sizeof(text)), PROXY_V1_MAX, NULL, 0);
    text[PROXY_V1_MAX - 2] = 'x';
    text[PROXY_V1_MAX - 1] = '\r';
    text[PROXY_V1_MAX] = '\n';
    expect_refused(str_make(text, sizeof(text)));
}

static void parses_version_2(void **state)
{
    static const struct {
        struct str text;
        const uint8_t *ip;
        uint16_t port;
    } cases[] = {
        { STR(SIGNATURE "\x21\x11\x00\x0c" V4_BODY), v4_ip, 4711 },
        { STR(SIGNATURE "\x21\x21\x00\x24" V6_BODY), v6_ip, 4711 },
        { STR(SIGNATURE "\x21\x11\x00\x12" V4_BODY "\x04\x00\x03two"), v4_ip, 4711 }, /* a TLV */
        { STR(SIGNATURE "\x21\x21\x00\x27" V6_BODY "\x04\x00\x00"), v6_ip, 4711 },
        { STR(SIGNATURE "\x20\x00\x00\x00"), NULL, 0 }, /* LOCAL: a health check */
        { STR(SIGNATURE "\x20\x11\x00\x0c" V4_BODY), NULL, 0 },
        { STR(SIGNATURE "\x20\x11\x00\x03xyz"), NULL, 0 }, /* its addresses are not read */
        { STR(SIGNATURE "\x21\x00\x00\x00"), NULL, 0 },    /* an unspecified address family */
        { STR(SIGNATURE "\x21\x00\x00\x03xyz"), NULL, 0 },
        { STR(SIGNATURE "\x21\x12\x00\x0c" V4_BODY), NULL, 0 }, /* UDP */
        { STR(SIGNATURE "\x21\x31\x00\x01u"), NULL, 0 },        /* a Unix socket */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];

        memcpy(text, cases[i].text.p, cases[i].text.n);
        memcpy(text + cases[i].text.n, "\x16\x03\x01", 3);
        expect_header_2(str_make(text, cases[i].text.n + 3), cases[i].text.n, cases[i].ip,
                        cases[i].port);
    }
}

static void refuses_malformed_version_2(void **state)
{
    static const struct str cases[] = {
        { "\r\n\r\n\0\r\nQUIT\r", 12 },
        { "\r\n\r\n\r", 5 },
        { SIGNATURE "\x11", 13 },
        { SIGNATURE "\x31", 13 },
        { SIGNATURE "\x22", 13 },
        { SIGNATURE "\x21\x11\x00\x0b" V4_BODY, 28 }, /* too short for its addresses */
        { SIGNATURE "\x21\x11\x00\x00", 16 },
        { SIGNATURE "\x21\x21\x00\x23" V6_BODY, 52 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(cases[i]);
}

/* However long they are, only the addresses before them are needed. */
static void skips_the_extensions_of_version_2(void **state)
{
    static const struct str cases[] = {
        { SIGNATURE "\x21\x11\xff\xff" V4_BODY "\x04", 29 },
        { SIGNATURE "\x21\x21\xff\xff" V6_BODY "\x04", 53 },
        { SIGNATURE "\x20\x11\xff\xff\x01", 17 },
        { SIGNATURE "\x21\x31\xff\xff\x01", 17 },
    };
    static const uint8_t *const ips[] = { v4_ip, v6_ip, NULL, NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_header_2(cases[i], PROXY_V2_HEAD + 65535, ips[i], 4711);
}

/* The caller need not keep more than PROXY_MAX bytes. */
static void decides_within_its_limit(void **state)
{
    (void)state;
    assert_true(PROXY_MAX >= PROXY_V1_MAX && PROXY_MAX >= PROXY_V2_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_version_1),
        cmocka_unit_test(refuses_malformed_version_1),
        cmocka_unit_test(limits_the_length_of_version_1),
        cmocka_unit_test(parses_version_2),
        cmocka_unit_test(refuses_malformed_version_2),
        cmocka_unit_test(skips_the_extensions_of_version_2),
        cmocka_unit_test(decides_within_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
