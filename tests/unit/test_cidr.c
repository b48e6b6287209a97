#include "net/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

static struct sock_addr addr(const char *text)
{
    struct sock_addr a;

    if (sock_addr_parse(str_of(text), &a) < 0)
        fail_msg("%s is not an address", text);
    return a;
}

static void parses_addresses(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "1.2.3.4", "1.2.3.4:0" },
        { "1.2.3.4:80", "1.2.3.4:80" },
        { "1.2.3.4:65535", "1.2.3.4:65535" },
        { "::1", "[::1]:0" },
        { "[::1]", "[::1]:0" },
        { "[::1]:443", "[::1]:443" },
        { "2001:db8::7", "[2001:db8::7]:0" },
        { "::ffff:10.0.0.1", "10.0.0.1:0" },
        { "[::ffff:10.0.0.1]:8", "10.0.0.1:8" },
    };
    char shown[SOCK_ADDR_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sock_addr a = addr(cases[i].text);

        sock_addr_format(&a, shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void refuses_malformed_addresses(void **state)
{
    static const struct str cases[] = {
        { "", 0 },
        { NULL, 0 },
        { " 1.2.3.4", 8 },
        { "1.2.3", 5 },
        { "1.2.3.256", 9 },
        { "1.2.3.4:", 8 },
        { "1.2.3.4:65536", 13 },
        { "1.2.3.4:-1", 10 },
        { "1.2.3.4\0", 8 },
        { "[]", 2 },
        { "[::1", 4 },
        { "::1]", 4 },
        { "[::1]x", 6 },
        { "[::1]:", 6 },
        { ":80", 3 },
        { "unknown", 7 },
        { "_hidden", 7 },
        { "fe80::1%eth0", 12 },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", 59 },
    };
    struct sock_addr a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (sock_addr_parse(cases[i], &a) == EH_OK)
            fail_msg("%.*s was accepted", STR_ARG(cases[i]));
    }
}

static void matches_addresses_against_blocks(void **state)
{
    static const struct {
        const char *block, *inside, *outside;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
        { "10.0.0.7/8", "10.255.0.1", "9.255.255.255" }, /* the host bits are ignored */
        { "192.168.4.0/22", "192.168.7.255", "192.168.8.0" },
        { "192.168.4.0/22", "192.168.4.0", "192.168.3.255" },
        { "1.2.3.4", "1.2.3.4", "1.2.3.5" },
        { "1.2.3.4/32", "1.2.3.4:99", "1.2.3.5:99" },
        { "1.2.3.4/31", "1.2.3.5", "1.2.3.6" },
        { "0.0.0.0/0", "255.255.255.255", "::1" },
        { "::/0", "1.2.3.4", NULL },
        { "::1", "::1", "::2" },
        { "::1/128", "::1", "127.0.0.1" },
        { "fd00::/8", "fdff::1", "fe00::1" },
        { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
        { "::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0" },
    };
    struct cidr block;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sock_addr inside = addr(cases[i].inside);

        assert_int_equal(cidr_parse(str_of(cases[i].block), &block), EH_OK);
        if (!cidr_has(&block, &inside))
            fail_msg("%s must be in %s", cases[i].inside, cases[i].block);
        if (!cases[i].outside)
            continue;
        inside = addr(cases[i].outside);
        if (cidr_has(&block, &inside))
            fail_msg("%s must not be in %s", cases[i].outside, cases[i].block);
    }
}

static void refuses_malformed_blocks(void **state)
{
    static const char *const cases[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "10.0.0.0:80",
        "[::1]",
        "[::1]/128",
        "10.0.0.0/ 8",
        "10.0.0.0/255.0.0.0",
        "host/8",
    };
    struct cidr block;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cidr_parse(str_of(cases[i]), &block) == EH_OK)
            fail_msg("%s was accepted", cases[i]);
    }
}

static void parses_lists(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } good[] = { { "", 0 }, { "10.0.0.1", 1 }, { " 10.0.0.0/8 , ::1,fd00::/8", 3 } };
    static const char *const bad[] = {
        ",", "10.0.0.1,", ",10.0.0.1", "a", "10.0.0.1 10.0.0.2", " "
    };
    struct cidr_list list = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(cidr_list_parse(str_of(good[i].text), &list), EH_OK);
        assert_int_equal(list.n, good[i].n);
        cidr_list_done(&list);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (cidr_list_parse(str_of(bad[i]), &list) == EH_OK)
            fail_msg("'%s' was accepted", bad[i]);
    }
}

static void compares_lists(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal;
    } cases[] = {
        { "", "", true },
        { "10.0.0.1, ::1", "10.0.0.1,::1/128", true },
        { "10.0.0.1", "", false },
        { "10.0.0.1", "10.0.0.2", false },
        { "10.0.0.0/8", "10.0.0.0/9", false },
        { "10.0.0.1,::1", "::1,10.0.0.1", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr_list a, b;

        assert_int_equal(cidr_list_parse(str_of(cases[i].a), &a), EH_OK);
        assert_int_equal(cidr_list_parse(str_of(cases[i].b), &b), EH_OK);
        assert_int_equal(cidr_list_is_equal(&a, &b), cases[i].is_equal);
        cidr_list_done(&a);
        cidr_list_done(&b);
    }
}

static void finds_an_address_in_any_block(void **state)
{
    struct sock_addr inside = addr("fd00::7"), outside = addr("10.0.0.2");
    struct cidr_list list;

    (void)state;
    assert_int_equal(cidr_list_parse(STR("10.0.0.1,fd00::/8"), &list), EH_OK);
    assert_true(cidr_list_has(&list, &inside));
    assert_false(cidr_list_has(&list, &outside));
    cidr_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_addresses),
        cmocka_unit_test(refuses_malformed_addresses),
        cmocka_unit_test(matches_addresses_against_blocks),
        cmocka_unit_test(refuses_malformed_blocks),
        cmocka_unit_test(parses_lists),
        cmocka_unit_test(compares_lists),
        cmocka_unit_test(finds_an_address_in_any_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
