#include "app/config/endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define PORT 6379

/* Writes the list as "host port;host port". */
static void print(const struct endpoint_list *list, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < list->n && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s %u", i ? ";" : "", list->at[i].host,
                              list->at[i].port);
}

static void parses_lists(void **state)
{
    static const struct {
        const char *text, *list;
    } cases[] = {
        { "redis", "redis 6379" },
        { "redis:1", "redis 1" },
        { "redis:65535", "redis 65535" },
        { "10.0.0.5:6380", "10.0.0.5 6380" },
        { "::1", "::1 6379" },
        { "[::1]", "::1 6379" },
        { "[::1]:7", "::1 7" },
        { "fe80::1:2", "fe80::1:2 6379" },
        { "fe80::1%eth0", "fe80::1%eth0 6379" },
        { "[fe80::1%eth0]:7", "fe80::1%eth0 7" },
        { "::ffff:127.0.0.1", "::ffff:127.0.0.1 6379" },
        { "a,b:2,[::3]:4", "a 6379;b 2;::3 4" },
        { "a:1, b:2,   c", "a 1;b 2;c 6379" },
        { "a,a", "a 6379;a 6379" },
        { "b\xc3\xbc:3", "b\xc3\xbc 3" },
        { "/run/redis.sock", "/run/redis.sock 0" },
        { "/a b:c@d", "/a b:c@d 0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint_list list = { 0 };
        char text[256];

        if (endpoint_list_parse(str_of(cases[i].text), PORT, &list) < 0)
            fail_msg("%s was refused", cases[i].text);
        print(&list, text, sizeof(text));
        assert_string_equal(text, cases[i].list);
        endpoint_list_done(&list);
    }
}

static void refuses_other_texts_and_names_the_entry(void **state)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        { "", "" },
        { ",", "" },
        { "a,", "" },
        { "a,,b", "" },
        { "a:", "a:" },
        { "a:0", "a:0" },
        { "a:65536", "a:65536" },
        { "a:-1", "a:-1" },
        { "a: 1", "a: 1" },
        { "a:1:2", "a:1:2" },
        { ":1", ":1" },
        { " a", " a" },
        { "a ,b", "a " },
        { "a b", "a b" },
        { "a,b/0", "b/0" },
        { "a,/b", "/b" },
        { "/a,b", "/a" },
        { "u@a", "u@a" },
        { "[a]", "[a]" },
        { "[1.2.3.4]:5", "[1.2.3.4]:5" },
        { "[::1]x", "[::1]x" },
        { "[::1]:", "[::1]:" },
        { "[::1", "[::1" },
        { "[]", "[]" },
        { "::1%", "::1%" },
        { "fe80::1%eth0:7", "fe80::1%eth0:7" },
        { "fe80::1%eth 0", "fe80::1%eth 0" },
        { "1.2.3.4%eth0", "1.2.3.4%eth0" },
        { "\x01", "\x01" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint_list list = { 0 };
        struct str wrong;

        if (endpoint_list_parse(str_of(cases[i].text), PORT, &list) != EH_EINVAL)
            fail_msg("%s was accepted", cases[i].text);
        assert_null(list.at);
        wrong = endpoint_list_wrong(str_of(cases[i].text));
        assert_int_equal(wrong.n, strlen(cases[i].wrong));
        assert_memory_equal(wrong.p, cases[i].wrong, wrong.n);
    }
}

/* Parses a text of n bytes: this one, then letters. */
static int parse_long(char first, size_t n, struct endpoint_list *ret)
{
    char text[512];

    memset(text, 'x', sizeof(text));
    text[0] = first;
    return endpoint_list_parse(str_make(text, n), PORT, ret);
}

static void bounds_hosts_and_paths(void **state)
{
    struct endpoint_list list = { 0 };

    (void)state;
    assert_int_equal(parse_long('x', REDIS_HOST_MAX, &list), EH_OK);
    assert_int_equal(strlen(list.at[0].host), REDIS_HOST_MAX);
    endpoint_list_done(&list);
    assert_int_equal(parse_long('x', REDIS_HOST_MAX + 1, &list), EH_EINVAL);
    assert_int_equal(parse_long('/', ENDPOINT_PATH_MAX, &list), EH_OK);
    assert_int_equal(strlen(list.at[0].host), ENDPOINT_PATH_MAX);
    endpoint_list_done(&list);
    assert_int_equal(parse_long('/', ENDPOINT_PATH_MAX + 1, &list), EH_ELIMIT);
}

static void bounds_the_number_of_entries(void **state)
{
    struct endpoint_list list = { 0 };
    struct buf text = { 0 };

    (void)state;
    for (size_t i = 0; i < ENDPOINTS_MAX; i++)
        buf_addf(&text, "%sh%zu:%zu", i ? "," : "", i, i + 1);
    assert_int_equal(endpoint_list_parse(buf_str(&text), PORT, &list), EH_OK);
    assert_int_equal(list.n, ENDPOINTS_MAX);
    assert_string_equal(list.at[63].host, "h63");
    endpoint_list_done(&list);
    buf_add_str(&text, STR(",x"));
    assert_int_equal(endpoint_list_parse(buf_str(&text), PORT, &list), EH_ELIMIT);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_lists),
        cmocka_unit_test(refuses_other_texts_and_names_the_entry),
        cmocka_unit_test(bounds_hosts_and_paths),
        cmocka_unit_test(bounds_the_number_of_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
