#include "hub/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

static void parses_and_formats_authors(void **state)
{
    static const struct {
        const char *text;
        struct author author;
    } cases[] = {
        { "0-0-0-1", { 0, 0, 0, 1 } },
        { "7-1-2-3", { 7, 1, 2, 3 } },
        { "18446744073709551615-4294967295-4294967295-18446744073709551615",
          { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct author *want = &cases[i].author;
        char text[AUTHOR_TEXT];
        struct author got;

        assert_int_equal(author_parse(str_of(cases[i].text), &got), EH_OK);
        assert_true(got.worker == want->worker && got.slot == want->slot &&
                    got.generation == want->generation && got.n == want->n);
        assert_int_equal(author_format(want, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void refuses_other_texts(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "1-2",
        "1-2-3",
        "1-2-3-",
        "1-2-3-4-5",
        "-1-2",
        "1--2-3",
        "1-2-3-0",
        "1-2-3-x",
        "1-2-3- 4",
        "1-2-3-4 ",
        "a-2-3",
        "1-2-3-4\"",
        "1-4294967296-3-4",
        "1-2-4294967296-4",
        "18446744073709551616-2-3-4",
    };
    struct author author = { .n = 9 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (author_parse(str_of(texts[i]), &author) == EH_OK)
            fail_msg("%s was accepted", texts[i]);
    }
    assert_true(author_parse(str_make(NULL, 0), &author) < 0);
    assert_true(author.n == 9); /* untouched on failure */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_formats_authors),
        cmocka_unit_test(refuses_other_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
