#include "hub/ratelimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"

static void accepts_only_valid_entries(void **state)
{
    static const struct {
        const char *entry;
        bool is_accepted;
    } cases[] = {
        { "{\"topic\":\"a\",\"interval\":10,\"max\":5}", true },
        { "{\"topic\":\"a/+/#\",\"interval\":1,\"max\":0}", true },
        { "{\"topic\":\"#\",\"interval\":31536000,\"max\":9007199254740992,\"else\":[]}", true },
        { "{\"topic\":\"a\",\"interval\":0,\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":-1,\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":31536001,\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":10,\"max\":-1}", false },
        { "{\"topic\":\"a\",\"interval\":10,\"max\":9007199254740993}", false },
        { "{\"topic\":\"a\",\"interval\":10.0,\"max\":5.0}", true },
        { "{\"topic\":\"a\",\"interval\":6e1,\"max\":50E-1}", true },
        { "{\"topic\":\"a\",\"interval\":10.5,\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":1e300,\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":\"10\",\"max\":5}", false },
        { "{\"topic\":\"a\",\"interval\":10,\"max\":5.5}", false },
        { "{\"topic\":\"a\",\"interval\":10,\"max\":true}", false },
        { "{\"topic\":\"a\",\"interval\":10}", false },
        { "{\"topic\":\"a\",\"max\":5}", false },
        { "{\"interval\":10,\"max\":5}", false },
        { "{\"topic\":\"\",\"interval\":10,\"max\":5}", false },
        { "{\"topic\":\"/a\",\"interval\":10,\"max\":5}", false },
        { "{\"topic\":\"a/#/b\",\"interval\":10,\"max\":5}", false },
        { "{\"topic\":[\"a\"],\"interval\":10,\"max\":5}", false },
        { "{}", false },
        { "[\"a\",10,5]", false },
        { "\"a\"", false },
        { "null", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *claim = json_pack("[o]", json_loads(cases[i].entry, JSON_DECODE_ANY, NULL));
        struct rate_rule rules[RATELIMIT_MAX_RULES];
        size_t n = 7;
        const char *why = ratelimit_read(claim, rules, &n);

        assert_non_null(claim);
        if (!why != cases[i].is_accepted || n != cases[i].is_accepted)
            fail_msg("%s: %s", cases[i].entry, why ? why : "accepted");
        json_decref(claim);
    }
}

static void reads_the_values_of_entries(void **state)
{
    json_t *claim = json_loads("[{\"topic\":\"a/+\",\"interval\":60.0,\"max\":3},"
                               "{\"topic\":\"b\",\"interval\":1,\"max\":0.0}]",
                               0, NULL);
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n;

    (void)state;
    assert_null(ratelimit_read(claim, rules, &n));
    assert_int_equal(n, 2);
    assert_true(str_eq(rules[0].topic, STR("a/+")));
    assert_int_equal(rules[0].interval_s, 60);
    assert_int_equal(rules[0].max, 3);
    assert_true(str_eq(rules[1].topic, STR("b")));
    assert_int_equal(rules[1].interval_s, 1);
    assert_int_equal(rules[1].max, 0);
    json_decref(claim);
}

static void accepts_claims_without_rules(void **state)
{
    static const char *const claims[] = { "null", "[]" };
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n = 7;

    (void)state;
    assert_null(ratelimit_read(NULL, rules, &n));
    assert_int_equal(n, 0);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        json_t *claim = json_loads(claims[i], JSON_DECODE_ANY, NULL);

        n = 7;
        assert_null(ratelimit_read(claim, rules, &n));
        assert_int_equal(n, 0);
        json_decref(claim);
    }
}

#define GOOD "{\"topic\":\"a\",\"interval\":60,\"max\":3}"

static void names_the_fault_of_a_claim(void **state)
{
    static const struct {
        const char *claim, *why;
    } cases[] = {
        { GOOD, "the claim rlimit must be an array" },
        { "\"a\"", "the claim rlimit must be an array" },
        { "7", "the claim rlimit must be an array" },
        { "false", "the claim rlimit must be an array" },
        { "[" GOOD ",7]", "a rule of the claim rlimit must be an object" },
        { "[null," GOOD "]", "a rule of the claim rlimit must be an object" },
        { "[{\"interval\":60,\"max\":3}]",
          "the topic of a rule of the claim rlimit must be a valid topic or pattern" },
        { "[{\"topic\":\"a\",\"max\":3}]",
          "the interval of a rule of the claim rlimit must be an integer from 1 to 31536000" },
        { "[" GOOD "," GOOD ",{\"topic\":\"a\",\"interval\":1,\"max\":2.5}]",
          "the max of a rule of the claim rlimit must be an integer from 0 to 9007199254740992" },
    };
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *claim = json_loads(cases[i].claim, JSON_DECODE_ANY, NULL);
        const char *why = ratelimit_read(claim, rules, &n);

        assert_non_null(why);
        assert_string_equal(why, cases[i].why);
        assert_int_equal(n, 0);
        json_decref(claim);
    }
}

static void refuses_more_rules_than_the_maximum(void **state)
{
    json_t *claim = json_array();
    struct rate_rule rules[RATELIMIT_MAX_RULES];
    size_t n;

    (void)state;
    for (int i = 0; i < RATELIMIT_MAX_RULES; i++)
        json_array_append_new(claim,
                              json_pack("{s:s, s:i, s:i}", "topic", "a", "interval", 1, "max", i));
    assert_null(ratelimit_read(claim, rules, &n));
    assert_int_equal(n, RATELIMIT_MAX_RULES);
    assert_int_equal(rules[RATELIMIT_MAX_RULES - 1].max, RATELIMIT_MAX_RULES - 1);
    json_array_append(claim, json_array_get(claim, 0));
    assert_string_equal(ratelimit_read(claim, rules, &n),
                        "the claim rlimit must not have more than 64 rules");
    assert_int_equal(n, 0);
    json_decref(claim);
}

static void picks_the_most_specific_rule(void **state)
{
    static const struct {
        const char *topic;
        int want; /* max of the rule */
    } cases[] = {
        { "a/b", 2 },               /* the exact topic, although it comes after patterns */
        { "a/c", 4 },               /* a/+ is longer than # and as long as a/#, and comes first */
        { "a/b/c", 5 },             /* a/b/# and +/b/c are equally long: the first one */
        { "x/b/c", 6 }, { "a", 3 }, /* a/# matches a, and is longer than # */
        { "a/x/y", 3 }, { "z", 1 },
    };
    static const struct rate_rule rules[] = {
        { { "#", 1 }, 1, 1 },     { { "a/+", 3 }, 4, 1 },   { { "a/#", 3 }, 3, 1 },
        { { "a/b/#", 5 }, 5, 1 }, { { "+/b/c", 5 }, 6, 1 }, { { "a/b", 3 }, 2, 1 },
        { { "a/b", 3 }, 7, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rate_rule *r = ratelimit_pick(rules, ARRAY_LEN(rules), str_of(cases[i].topic));

        if (!r || (int)r->max != cases[i].want)
            fail_msg("%s: got the rule %d", cases[i].topic, r ? (int)r->max : -1);
    }
    assert_null(ratelimit_pick(rules + 1, ARRAY_LEN(rules) - 1, STR("z")));
    assert_null(ratelimit_pick(rules + 1, ARRAY_LEN(rules) - 1, STR("b/c")));
    assert_null(ratelimit_pick(rules, 0, STR("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_only_valid_entries),
        cmocka_unit_test(reads_the_values_of_entries),
        cmocka_unit_test(accepts_claims_without_rules),
        cmocka_unit_test(names_the_fault_of_a_claim),
        cmocka_unit_test(refuses_more_rules_than_the_maximum),
        cmocka_unit_test(picks_the_most_specific_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
