#include "proto/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"

#define OURS "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* Reads the fields, up to NULL, and compares the answer. "": no extension; NULL: fields are
 * malformed. */
static void expect_answer(const char *const fields[], const char *answer)
{
    struct ws_deflate d = { 0 };
    struct buf out = { 0 };
    int rc = EH_OK;

    for (size_t i = 0; fields[i] && rc == EH_OK; i++)
        rc = ws_deflate_read(str_of(fields[i]), &d);
    if (d.window_bits)
        ws_deflate_add_answer(&d, &out);
    buf_add_char(&out, '\0');
    if ((rc < 0) != !answer)
        fail_msg("%s was %s", fields[0], rc < 0 ? "refused" : "accepted");
    if (answer)
        assert_string_equal(buf_head(&out), answer);
    buf_done(&out);
}

static void expect_one(const char *field, const char *answer)
{
    const char *const fields[] = { field, NULL };

    expect_answer(fields, answer);
}

static void accepts_valid_offers(void **state)
{
    static const char *const cases[][2] = {
        { "permessage-deflate", OURS },
        { "permessage-deflate;server_no_context_takeover", OURS },
        { "permessage-deflate; client_no_context_takeover", OURS },
        { "permessage-deflate; client_no_context_takeover; server_no_context_takeover", OURS },
        /* the answer need not mention the client's window */
        { "permessage-deflate; client_max_window_bits", OURS },
        { "permessage-deflate; client_max_window_bits=8", OURS },
        { "permessage-deflate; client_max_window_bits=15", OURS },
        { "permessage-deflate; client_max_window_bits=\"10\"", OURS },
        { "permessage-deflate; server_max_window_bits=9", OURS "; server_max_window_bits=9" },
        { "permessage-deflate; server_max_window_bits=10", OURS "; server_max_window_bits=10" },
        { "permessage-deflate; server_max_window_bits=15", OURS "; server_max_window_bits=15" },
        { "permessage-deflate; server_max_window_bits=\"12\"", OURS "; server_max_window_bits=12" },
        { "permessage-deflate; server_max_window_bits=\"\\1\\2\"",
          OURS "; server_max_window_bits=12" },
        { "permessage-deflate; server_max_window_bits=11; client_max_window_bits=9;"
          " client_no_context_takeover; server_no_context_takeover",
          OURS "; server_max_window_bits=11" },
        /* white space where the grammar allows it */
        { " \tpermessage-deflate \t; server_max_window_bits =\t9 ; client_max_window_bits \t",
          OURS "; server_max_window_bits=9" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_one(cases[i][0], cases[i][1]);
}

static void declines_unusable_offers(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        ", ,",
        "x-webkit-deflate-frame",
        "permessage-bzip2; a=1; b; c=\"d\"",
        "permessage-deflate2",
        "Permessage-Deflate",
        /* RFC 7692 7.1: unknown parameters, */
        "permessage-deflate; mystery",
        "permessage-deflate; mystery=1",
        "permessage-deflate; Server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; window=15",
        /* duplicate parameters, */
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        /* invalid values, */
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover=\"1\"",
        "permessage-deflate; client_no_context_takeover=0",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=9x",
        "permessage-deflate; server_max_window_bits=1",
        "permessage-deflate; server_max_window_bits=1x",
        "permessage-deflate; server_max_window_bits=100",
        "permessage-deflate; server_max_window_bits=10000000000000000000000000000015",
        "permessage-deflate; server_max_window_bits=\"true\"",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=x",
        /* and a window that zlib does not support */
        "permessage-deflate; server_max_window_bits=8",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_one(cases[i], "");
}

static void takes_the_first_acceptable_offer(void **state)
{
    static const char *const cases[][2] = {
        { "foo, permessage-deflate", OURS },
        { "foo; a=\"b\" ; c , permessage-deflate, bar", OURS },
        { ",, permessage-deflate ,,", OURS },
        { "permessage-deflate; server_max_window_bits=10, permessage-deflate",
          OURS "; server_max_window_bits=10" },
        { "permessage-deflate, permessage-deflate; server_max_window_bits=10", OURS },
        { "permessage-deflate; server_max_window_bits=8,"
          "permessage-deflate; server_max_window_bits=9, permessage-deflate",
          OURS "; server_max_window_bits=9" },
        { "permessage-deflate; nonsense, permessage-deflate; client_max_window_bits", OURS },
        { "permessage-deflate; server_max_window_bits=9; nonsense, permessage-deflate", OURS },
    };
    static const char *const fields[] = { "foo, permessage-deflate; unknown",
                                          "permessage-deflate; server_max_window_bits=13",
                                          "permessage-deflate", NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_one(cases[i][0], cases[i][1]);
    expect_answer(fields, OURS "; server_max_window_bits=13");
}

/* RFC 6455 9.1: a malformed field fails the connection. */
static void refuses_malformed_fields(void **state)
{
    static const char *const cases[] = {
        ";",
        "=",
        "\"permessage-deflate\"",
        "permessage-deflate;",
        "permessage-deflate; ;client_max_window_bits",
        "permessage-deflate permessage-deflate",
        "permessage-deflate; a b",
        "permessage-deflate; =1",
        "permessage-deflate; a=",
        "permessage-deflate; a==1",
        "permessage-deflate; a=1=2",
        "permessage-deflate; a=\"",
        "permessage-deflate; a=\"1",
        "permessage-deflate; a=\"1\\",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"1\"2",
        "permessage-deflate; a=\"one two\"",
        "permessage-deflate; a=\"one,two\"",
        "permessage-deflate; a=\"\\\"\"",
        "permessage-deflate, (comment)",
        "permessage-deflate=1",
        "permessage/deflate",
        "\x80",
    };
    static const char *const fields[] = { "permessage-deflate", "foo;", NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_one(cases[i], NULL);
    expect_answer(fields, NULL);
}

#define MAC                                                                                        \
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
#define IOS(v)  "Mozilla/5.0 (iPhone; CPU iPhone OS " v " like Mac OS X) AppleWebKit/605.1.15 "
#define IPAD(v) "Mozilla/5.0 (iPad; CPU OS " v " like Mac OS X) AppleWebKit/605.1.15 "

static void knows_browsers_that_keep_their_window(void **state)
{
    static const struct {
        const char *user_agent;
        bool is_safe;
    } cases[] = {
        { MAC "Version/15.0 Safari/605.1.15", false },
        { MAC "Version/15.3 Safari/605.1.15", false },
        { MAC "Version/15.2.1 Safari/605.1.15", false },
        { IOS("15_0") "(KHTML, like Gecko) Version/15.0 Mobile/15E148 Safari/604.1", false },
        { IOS("15_2_1") "(KHTML, like Gecko) CriOS/97.0.4692.84 Mobile/15E148 Safari/604.1",
          false },
        { IOS("15_3") "(KHTML, like Gecko) Mobile/15E148", false },
        { IPAD("15_1") "(KHTML, like Gecko) FxiOS/40.0 Mobile/15E148 Safari/605.1.15", false },
        { "x Version/15.3", false },
        { MAC "Version/15.4 Safari/605.1.15", true },
        { MAC "Version/15.6.1 Safari/605.1.15", true },
        { MAC "Version/15.30 Safari/605.1.15", true },
        { MAC "Version/14.1.2 Safari/605.1.15", true },
        { MAC "Version/16.0 Safari/605.1.15", true },
        { MAC "Version/17.3 Safari/605.1.15", true },
        { MAC "Chrome/115.0.0.0 Safari/537.36", true },
        { "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:96.0) Gecko/20100101 Firefox/96.0",
          true },
        { IOS("15_4_1") "(KHTML, like Gecko) CriOS/99.0.4844.59 Mobile/15E148 Safari/604.1", true },
        { IOS("15_8") "(KHTML, like Gecko) Mobile/15E148", true },
        { IOS("14_8") "(KHTML, like Gecko) Version/14.1.2 Mobile/15E148 Safari/604.1", true },
        { IOS("16_1") "(KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1", true },
        { "Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 Version/4.0 Chrome/97.0.0.0", true },
        { "x Version/15.", true },
        { "", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (ws_deflate_is_safe_for(str_of(cases[i].user_agent)) != cases[i].is_safe)
            fail_msg("wrong result for %s", cases[i].user_agent);
    }
    assert_true(ws_deflate_is_safe_for((struct str){ NULL, 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_valid_offers),
        cmocka_unit_test(declines_unusable_offers),
        cmocka_unit_test(takes_the_first_acceptable_offer),
        cmocka_unit_test(refuses_malformed_fields),
        cmocka_unit_test(knows_browsers_that_keep_their_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
