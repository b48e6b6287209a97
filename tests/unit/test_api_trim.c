#include "app/http/api_trim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/array.h"

/* Trims the answers; want: what is left of them. */
static void expect(const char *question_text, const char *answers_text, const char *want_text)
{
    json_auto_t *question = json_loads(question_text, 0, NULL);
    json_auto_t *answers = json_loads(answers_text, 0, NULL);
    json_auto_t *want = json_loads(want_text, 0, NULL);

    assert_true(question && answers && want);
    api_trim(question, answers);
    if (!json_equal(answers, want)) {
        char *got = json_dumps(answers, 0);

        print_error("%s: %s\n", question_text, got);
        free(got);
        fail();
    }
}

#define A      "{\"id\":\"a\"}"
#define B      "{\"id\":\"b\"}"
#define C      "{\"id\":\"c\"}"
#define D      "{\"id\":\"d\"}"
#define E      "{\"id\":\"e\"}"
#define ALL    "{\"clients\":[],\"more\":false}"
#define NONE   "{\"clients\":[],\"more\":true}"
#define SOME   "{\"clients\":[" A "," B "],\"more\":false}"
#define LATER  "{\"clients\":[" C "," D "],\"more\":true}"
#define LAST   "{\"clients\":[" E "],\"more\":false}"
#define ANSWER "[" LAST "," ALL "," LATER "," SOME "]"

static void keeps_the_first_clients_of_all_workers(void **state)
{
    static const struct {
        const char *limit, *want;
    } cases[] = {
        { "100", ANSWER },
        { "5", ANSWER },
        { "4", "[" NONE "," ALL "," LATER "," SOME "]" },
        { "3", "[" NONE "," ALL ",{\"clients\":[" C "],\"more\":true}," SOME "]" },
        { "2", "[" NONE "," ALL "," NONE "," SOME "]" },
        { "1", "[" NONE "," ALL "," NONE ",{\"clients\":[" A "],\"more\":true}]" },
        { "0", ANSWER }, /* whatever comes through Redis: a page, then */
        { "-1", ANSWER },
        { "101", ANSWER },
        { "\"1\"", ANSWER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char question[64];

        (void)snprintf(question, sizeof(question), "{\"op\":\"clients\",\"limit\":%s}",
                       cases[i].limit);
        expect(question, ANSWER, cases[i].want);
    }
}

static void leaves_other_answers_alone(void **state)
{
    (void)state;
    expect("{\"op\":\"clients\",\"limit\":1}", "[]", "[]");
    expect("{\"op\":\"nodes\",\"limit\":1}", ANSWER, ANSWER);
    expect("{\"limit\":1}", ANSWER, ANSWER);
    expect("{\"op\":\"disconnect\"}", "[{\"disconnected\":2},{\"disconnected\":3}]",
           "[{\"disconnected\":2},{\"disconnected\":3}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_first_clients_of_all_workers),
        cmocka_unit_test(leaves_other_answers_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
