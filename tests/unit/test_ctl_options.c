#include "ctl/line/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/line/option_value.h"
#include "support/assert_str.h"

enum { ARGS_MAX = 12 };

struct values {
    bool lines;
    bool all;
    const char *since;
    uint64_t count;
    uint64_t size;
    uint64_t wait_ms;
    uint64_t rate;
    uint64_t format;
    struct option_list rights;
};

#define MEMBER(name) offsetof(struct values, name)

static const struct option own[] = {
    { "lines", 'l', OPTION_FLAG, MEMBER(lines), .about = "lines" },
    { "all", 'a', OPTION_FLAG, MEMBER(all), .about = "all" },
    { "since", 's', OPTION_TEXT, MEMBER(since), .value = "TIME", .about = "since" },
    { "count", 'n', OPTION_NUMBER, MEMBER(count), .value = "NUMBER", .initial = "3", .min = 1,
      .max = 100, .about = "count" },
    { "size", 0, OPTION_SIZE, MEMBER(size), .value = "SIZE", .max = 1 << 20, .about = "size" },
    { "wait", 0, OPTION_DURATION, MEMBER(wait_ms), .value = "TIME", .min = 1, .max = 3600000,
      .about = "wait" },
    { "rate", 0, OPTION_RATE, MEMBER(rate), .value = "RATE", .min = 1, .max = 1000,
      .about = "rate" },
    { "format", 'f', OPTION_CHOICE, MEMBER(format), .value = "FORMAT", .choices = "text json raw",
      .about = "format" },
    { "read", 0, OPTION_LIST, MEMBER(rights), .value = "TOPIC", .about = "rights" },
    { "secret", 0, OPTION_REFUSED, .about = "everyone can see a secret there: use a file" },
    { 0 },
};

static const struct command command = {
    .name = "demo",
    .summary = "demonstrate",
    .arguments = "TOPIC [MESSAGE]",
    .min_words = 1,
    .max_words = 2,
    .takes = TAKES_SERVER | TAKES_JSON,
    .options = own,
    .size = sizeof(struct values),
};

struct run {
    struct parsed_options parsed;
    const struct values *values;
    struct buf why;
    int rc;
};

static char *nothing[] = { NULL };

/* Parses a line whose words have one space between them. */
static void parse_in(struct run *r, const char *line, char *const *environment)
{
    static char copy[256];
    static char *argv[ARGS_MAX + 1];
    int argc = 0;

    *r = (struct run){ 0 };
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word && argc < ARGS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    r->rc = options_parse(&command, argc, argv, environment, &r->parsed, &r->why);
    r->values = r->parsed.values;
}

static void parse(struct run *r, const char *line)
{
    parse_in(r, line, nothing);
}

static void done(struct run *r)
{
    options_done(&r->parsed);
    buf_done(&r->why);
}

static void reads_every_form(void **state)
{
    static const char *const lines[] = {
        "t --count 7 --lines --all",
        "--count=7 t -l -a",
        "-n 7 -la t",
        "-lan7 t",
        "-la -n 7 t",
        "t -aln 7",
        "--lines t --all -n7",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct run r;

        parse(&r, lines[i]);
        assert_int_equal(r.rc, EH_OK);
        assert_true(r.values->lines && r.values->all);
        assert_int_equal(r.values->count, 7);
        assert_int_equal(r.parsed.n_words, 1);
        assert_string_equal(r.parsed.words[0], "t");
        assert_null(r.parsed.words[1]);
        done(&r);
    }
}

static void sets_defaults(void **state)
{
    struct run r;

    (void)state;
    parse(&r, "t");
    assert_int_equal(r.values->count, 3);
    assert_int_equal(r.parsed.common.timeout_ms, 10000);
    assert_false(r.values->lines);
    assert_null(r.values->since);
    assert_null(r.parsed.common.url);
    done(&r);
}

static void takes_values_that_begin_with_a_dash(void **state)
{
    struct run r;

    (void)state;
    parse(&r, "t --since -10m");
    assert_string_equal(r.values->since, "-10m");
    done(&r);
    parse(&r, "t -s-10m -- -l");
    assert_string_equal(r.values->since, "-10m");
    assert_string_equal(r.parsed.words[1], "-l");
    assert_false(r.values->lines);
    done(&r);
    parse(&r, "t -");
    assert_string_equal(r.parsed.words[1], "-");
    done(&r);
}

static void keeps_the_last_value_and_all_of_a_list(void **state)
{
    struct run r;

    (void)state;
    parse(&r, "t -n 1 -n 2 --read a --read b/#");
    assert_int_equal(r.values->count, 2);
    assert_int_equal(r.values->rights.n, 2);
    assert_string_equal(r.values->rights.at[0], "a");
    assert_string_equal(r.values->rights.at[1], "b/#");
    done(&r);
}

static void reads_values(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
        uint64_t want;
    } cases[] = {
        { "--size 500", MEMBER(size), 500 },       { "--size=64k", MEMBER(size), 65536 },
        { "--size 1M", MEMBER(size), 1048576 },    { "--wait 250ms", MEMBER(wait_ms), 250 },
        { "--wait 2", MEMBER(wait_ms), 2000 },     { "--wait 2s", MEMBER(wait_ms), 2000 },
        { "--wait 10m", MEMBER(wait_ms), 600000 }, { "--wait 1h", MEMBER(wait_ms), 3600000 },
        { "--rate 10", MEMBER(rate), 10 },         { "--rate 10/s", MEMBER(rate), 10 },
        { "--format json", MEMBER(format), 1 },    { "-fraw", MEMBER(format), 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64];
        struct run r;

        (void)snprintf(line, sizeof(line), "t %s", cases[i].text);
        parse(&r, line);
        assert_int_equal(r.rc, EH_OK);
        assert_int_equal(
            *(const uint64_t *)(const void *)((const char *)r.values + cases[i].offset),
            cases[i].want);
        done(&r);
    }
}

static void refuses_with_one_line(void **state)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        { "", "missing argument: eventhubctl demo TOPIC [MESSAGE]; see eventhubctl help demo" },
        { "a b c", "unexpected argument \"c\": eventhubctl demo TOPIC [MESSAGE]; see eventhubctl "
                   "help demo" },
        { "t --nope", "unknown option --nope; see eventhubctl help demo" },
        { "t --nope=x", "unknown option --nope; see eventhubctl help demo" },
        { "t -lx", "unknown option -x; see eventhubctl help demo" },
        { "t --quiet", "unknown option --quiet; see eventhubctl help demo" },
        { "t --count", "--count needs a value: --count NUMBER; see eventhubctl help demo" },
        { "t --count --all", "--count needs a value: --count NUMBER; see eventhubctl help demo" },
        { "t --lines=1", "--lines takes no value; see eventhubctl help demo" },
        { "t --count 0", "--count must be a number from 1 to 100; see eventhubctl help demo" },
        { "t --count 101", "--count must be a number from 1 to 100; see eventhubctl help demo" },
        { "t --count 1x", "--count must be a number from 1 to 100; see eventhubctl help demo" },
        { "t --size 2m", "--size must be a size such as 500, 64k or 1m, from 0 to 1048576; see "
                         "eventhubctl help demo" },
        { "t --wait 1y", "--wait must be a duration such as 500ms, 30s, 10m, 2h or 7d, from 1ms to "
                         "1h; see eventhubctl help demo" },
        { "t --wait 99999999999999999d",
          "--wait must be a duration such as 500ms, 30s, 10m, 2h or 7d, from 1ms to 1h; see "
          "eventhubctl help demo" },
        { "t --rate 1/m", "--rate must be a rate such as 100/s, from 1 to 1000; see eventhubctl "
                          "help demo" },
        { "t --format xml", "--format must be text, json or raw; see eventhubctl help demo" },
        { "t --secret hunter2", "everyone can see a secret there: use a file" },
        { "t --secret=hunter2", "everyone can see a secret there: use a file" },
        { "t --token x --token-file y", "--token conflicts with --token-file: use one of them; see "
                                        "eventhubctl help demo" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;

        parse(&r, cases[i].line);
        assert_int_equal(r.rc, EH_EINVAL);
        assert_str(buf_str(&r.why), cases[i].why);
        done(&r);
    }
}

static void bounds_lists(void **state)
{
    struct option_list list = { 0 };
    const struct option o = { "read", 0, OPTION_LIST, .value = "TOPIC" };

    (void)state;
    for (size_t i = 0; i < OPTION_LIST_MAX; i++)
        assert_int_equal(option_set(&o, &list, "x"), EH_OK);
    assert_int_equal(option_set(&o, &list, "x"), EH_ELIMIT);
}

static void help_needs_nothing_else(void **state)
{
    static const char *const lines[] = { "--help", "-h", "-lh", "a b --help" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct run r;

        parse(&r, lines[i]);
        assert_int_equal(r.rc, EH_OK);
        assert_true(r.parsed.help);
        done(&r);
    }
}

static void the_command_line_overrides_the_environment(void **state)
{
    char *environment[] = { (char[]){ "EVENTHUB_URL=ws://a" }, (char[]){ "EVENTHUB_TOKEN=t1" },
                            (char[]){ "EVENTHUB_TOKEN_FILE=/f" }, NULL };
    struct run r;

    (void)state;
    parse_in(&r, "t", environment);
    assert_string_equal(r.parsed.common.url, "ws://a");
    assert_string_equal(r.parsed.common.token, "t1");
    assert_null(r.parsed.common.token_file);
    done(&r);
    parse_in(&r, "t --url ws://b --token-file g", environment);
    assert_string_equal(r.parsed.common.url, "ws://b");
    assert_null(r.parsed.common.token);
    assert_string_equal(r.parsed.common.token_file, "g");
    done(&r);
}

static void empty_variables_do_not_count(void **state)
{
    char *environment[] = { (char[]){ "EVENTHUB_URL=" }, (char[]){ "EVENTHUB_URLS=x" }, NULL };
    struct run r;

    (void)state;
    parse_in(&r, "t", environment);
    assert_null(r.parsed.common.url);
    done(&r);
}

static void count_option(const struct option *o, void *arg)
{
    assert_int_not_equal(o->kind, OPTION_REFUSED);
    ++*(size_t *)arg;
}

static void lists_what_help_shows(void **state)
{
    size_t n = 0;

    (void)state;
    options_each(&command, count_option, &n);
    assert_int_equal(n, 9 + 6 + 1 + 1); /* its own, the connection's, --json, --help */
}

static void an_own_option_hides_a_common_one(void **state)
{
    static const struct option hiding[] = {
        { "timeout", 'u', OPTION_DURATION, 0, .value = "TIME", .max = 1000, .about = "x" }, { 0 }
    };
    const struct command c = { .name = "c",
                               .arguments = "",
                               .takes = TAKES_SERVER,
                               .options = hiding,
                               .size = sizeof(uint64_t) };
    char *argv[] = { (char[]){ "-u" }, (char[]){ "1s" } };
    struct parsed_options p;
    struct buf why = { 0 };
    size_t n = 0;

    (void)state;
    assert_int_equal(options_parse(&c, 2, argv, nothing, &p, &why), EH_OK);
    assert_int_equal(*(uint64_t *)p.values, 1000);
    assert_int_equal(p.common.timeout_ms, 10000);
    options_each(&c, count_option, &n);
    assert_int_equal(n, 1 + 5 + 1);
    options_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(sets_defaults),
        cmocka_unit_test(takes_values_that_begin_with_a_dash),
        cmocka_unit_test(keeps_the_last_value_and_all_of_a_list),
        cmocka_unit_test(reads_values),
        cmocka_unit_test(refuses_with_one_line),
        cmocka_unit_test(bounds_lists),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(the_command_line_overrides_the_environment),
        cmocka_unit_test(empty_variables_do_not_count),
        cmocka_unit_test(lists_what_help_shows),
        cmocka_unit_test(an_own_option_hides_a_common_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
