#include "proto/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void check(struct str in, struct str want)
{
    struct buf out = { 0 };

    json_add_string(&out, in);
    if (!str_eq(buf_str(&out), want))
        fail_msg("%.*s, not %.*s", STR_ARG(buf_str(&out)), STR_ARG(want));
    buf_done(&out);
}

static void escapes(void **state)
{
    static const struct {
        struct str in, want;
    } cases[] = {
        { { NULL, 0 }, STR("\"\"") },
        { STR(""), STR("\"\"") },
        { STR("a"), STR("\"a\"") },
        { STR("plain text of more than eight bytes"),
          STR("\"plain text of more than eight bytes\"") },
        { STR("say \"hi\""), STR("\"say \\\"hi\\\"\"") },
        { STR("back\\slash/slash"), STR("\"back\\\\slash/slash\"") },
        { STR("\b\f\n\r\t"), STR("\"\\b\\f\\n\\r\\t\"") },
        { STR("\0\1\x1f\x0b"), STR("\"\\u0000\\u0001\\u001f\\u000b\"") },
        { STR(" !#[]\x7f"), STR("\" !#[]\x7f\"") },
        { STR("bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80"),
          STR("\"bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80\"") },
        { STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\"\xe2\x80\xa8\xe2\x80\xa9\"") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].in, cases[i].want);
}

static void appends_behind_what_is_there(void **state)
{
    struct buf out = { 0 };

    (void)state;
    buf_add_str(&out, STR("{\"k\":"));
    json_add_string(&out, STR("v\n"));
    buf_add_char(&out, '}');
    assert_true(str_eq(buf_str(&out), STR("{\"k\":\"v\\n\"}")));
    buf_done(&out);
}

static bool reads_back(struct str in)
{
    struct buf out = { 0 };
    json_t *v;
    bool is_same;

    json_add_string(&out, in);
    v = json_loadb(buf_head(&out), buf_used(&out), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    is_same = v && str_eq(str_make(json_string_value(v), json_string_length(v)), in);
    json_decref(v);
    buf_done(&out);
    return is_same;
}

/* Every ASCII character at every place of a text that spans several words, so that each lane of
 * the word-wise scan sees each of them. */
static void every_character_reads_back_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];

            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            if (!reads_back(str_make(text, sizeof(text))))
                fail_msg("%#x at %zu", (unsigned)c, at);
        }
    }
}

static void only_what_must_be_is_escaped(void **state)
{
    (void)state;
    for (int c = 0x20; c < 0x100; c++) {
        char text[9], want[11] = "\"";

        if (c == '"' || c == '\\')
            continue;
        memset(text, c, sizeof(text));
        memcpy(want + 1, text, sizeof(text));
        want[10] = '"';
        check(str_make(text, sizeof(text)), str_make(want, sizeof(want)));
    }
}

static void random_texts_read_back(void **state)
{
    static const char *const pieces[] = { "a",        "\"",       "\\",
                                          "\n",       "",         "\x1f",
                                          "\xc2\x80", "/",        "\xf0\x9f\x98\x80",
                                          "\t",       "abcdefgh", "\x7f" };
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct buf text = { 0 };

        for (int i = 0; i < round % 40; i++) {
            random = random * 1664525 + 1013904223;
            buf_add_str(&text, str_of(pieces[(random >> 16) % ARRAY_LEN(pieces)]));
        }
        assert_true(reads_back(buf_str(&text)));
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(every_character_reads_back_at_every_place),
        cmocka_unit_test(only_what_must_be_is_escaped),
        cmocka_unit_test(random_texts_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
