#include "proto/json_objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define MAX 3

static void splits_arrays(void **state)
{
    static const struct {
        const char *text, *items; /* each followed by a space */
    } cases[] = {
        { "[]", "" },
        { " [ ] ", "" },
        { "[{}]", "{} " },
        { "[ {\"a\":1} ,\n{\"b\":\"]}\"}]", "{\"a\":1} {\"b\":\"]}\"} " },
        { "[{\"a\":1e999},{\"\\u0000\":\"\\ud800\"},{\"a\":1,\"a\":null}]",
          "{\"a\":1e999} {\"\\u0000\":\"\\ud800\"} {\"a\":1,\"a\":null} " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str items[MAX];
        struct buf out = { 0 };
        size_t n;

        assert_int_equal(json_objects_split(str_of(cases[i].text), items, MAX, &n),
                         JSON_OBJECTS_OK);
        for (size_t k = 0; k < n; k++)
            buf_addf(&out, "%.*s ", STR_ARG(items[k]));
        buf_add_char(&out, '\0');
        assert_string_equal(buf_head(&out), cases[i].items);
        buf_done(&out);
    }
}

static void names_the_first_fault(void **state)
{
    static const struct {
        const char *text;
        enum json_objects want;
    } cases[] = {
        { "", JSON_OBJECTS_NOT_ARRAY },
        { "{}", JSON_OBJECTS_NOT_ARRAY },
        { "7", JSON_OBJECTS_NOT_ARRAY },
        { "\"[]\"", JSON_OBJECTS_NOT_ARRAY },
        { "[", JSON_OBJECTS_NOT_ARRAY },
        { "[{}", JSON_OBJECTS_NOT_ARRAY },
        { "[{},]", JSON_OBJECTS_NOT_ARRAY },
        { "[{}] 1", JSON_OBJECTS_NOT_ARRAY },
        { "[{}][]", JSON_OBJECTS_NOT_ARRAY },
        { "[{\"a\"}]", JSON_OBJECTS_NOT_ARRAY },
        { "[7]", JSON_OBJECTS_NOT_FLAT },
        { "[null]", JSON_OBJECTS_NOT_FLAT },
        { "[[]]", JSON_OBJECTS_NOT_FLAT },
        { "[{},\"a\"]", JSON_OBJECTS_NOT_FLAT },
        { "[{\"a\":[]}]", JSON_OBJECTS_NOT_FLAT },
        { "[{\"a\":{}}]", JSON_OBJECTS_NOT_FLAT },
        { "[{},{},{},{}]", JSON_OBJECTS_TOO_MANY },
        { "[{},{},{},{", JSON_OBJECTS_TOO_MANY },
        { "[{\"a\":\"\xff\"}]", JSON_OBJECTS_NOT_UTF8 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str items[MAX];
        size_t n;

        assert_int_equal(json_objects_split(str_of(cases[i].text), items, MAX, &n), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_arrays),
        cmocka_unit_test(names_the_first_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
