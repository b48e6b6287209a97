#include "ctl/link/session_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/term/exit_status.h"
#include "support/assert_str.h"

#define REFUSED(code, message, data)                                                               \
    {                                                                                              \
        SESSION_REFUSED, NULL, code, { message, sizeof(message) - 1 },                             \
        {                                                                                          \
            data, sizeof(data) - 1                                                                 \
        }                                                                                          \
    }

static void tells_status_and_reason(void **state)
{
    static const struct {
        struct session_answer answer;
        int status;
        const char *why;
    } cases[] = {
        { { .state = SESSION_ANSWERED }, CTL_OK, "" },
        { REFUSED(-32602, "Not allowed", "the token does not permit reading \"a\""),
          CTL_NOT_PERMITTED, "the token does not permit reading \"a\"" },
        { REFUSED(-32602, "Invalid params", "message must not be empty"), CTL_NEGATIVE,
          "message must not be empty" },
        { REFUSED(-32602, "Invalid params", ""), CTL_NEGATIVE, "Invalid params" },
        { REFUSED(-32603, "Broker unavailable", "not published"), CTL_NEGATIVE,
          "the broker is not available: not published" },
        { REFUSED(-32601, "Method not found", ""), CTL_NEGATIVE,
          "the server refused the request: Method not found" },
        { REFUSED(-32602, "Invalid params", "x\x1b[1m\n"), CTL_NEGATIVE, "x\\x1b[1m\\n" },
        { { .state = SESSION_LATE },
          CTL_TIMEOUT,
          "the server did not answer in time; --timeout waits longer" },
        { { .state = SESSION_LOST },
          CTL_NO_CONNECTION,
          "the connection was lost before the answer came" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf why = { 0 };

        session_add_why(&why, &cases[i].answer);
        assert_str(buf_str(&why), cases[i].why);
        assert_int_equal(session_exit_status(&cases[i].answer), cases[i].status);
        buf_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tells_status_and_reason) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
