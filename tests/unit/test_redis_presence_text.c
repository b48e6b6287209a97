#include "broker/redis/redis_presence_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/array.h"
#include "hub/auth.h"

#define QUESTION "{\"id\":7,\"node\":\"0123456789abcdef\",\"subs\":true,\"topic\":\"a/+\",\"v\":1}"
#define ANSWER   "{\"count\":3,\"id\":7,\"more\":false,\"subs\":[\"ann\",\"b\\u0000\"],\"v\":1}"

static void reads_a_question_as_it_was_written(void **state)
{
    struct redis_presence_question q;
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(redis_presence_read_question(STR(QUESTION), &q), EH_OK);
    assert_int_equal(q.id, 7);
    assert_string_equal(q.node, "0123456789abcdef");
    assert_string_equal(q.filter, "a/+");
    assert_true(q.wants_subs);
    redis_presence_add_question(&out, &q);
    assert_true(str_eq(buf_str(&out), STR(QUESTION)));
    buf_done(&out);
}

static void reads_an_answer_as_it_was_written(void **state)
{
    struct redis_presence_answer a;
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(redis_presence_read_answer(STR(ANSWER), &a), EH_OK);
    assert_int_equal(a.id, 7);
    assert_int_equal(a.presence.count, 3);
    assert_int_equal(a.presence.n_subs, 2);
    assert_false(a.presence.more);
    redis_presence_add_answer(&out, &a);
    assert_true(str_eq(buf_str(&out), STR(ANSWER)));
    buf_done(&out);
    presence_done(&a.presence);
}

#define ASK  "{\"ask\":{\"op\":\"x\"},\"id\":8,\"node\":\"0123456789abcdef\",\"v\":1}"
#define TOLD "{\"answers\":[{\"a\":1},2],\"id\":8,\"v\":1}"

static void passes_other_questions_on(void **state)
{
    struct redis_presence_question q;
    struct redis_presence_answer a;
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(redis_presence_read_question(STR(ASK), &q), EH_OK);
    assert_string_equal(json_string_value(json_object_get(q.ask, "op")), "x");
    redis_presence_add_question(&out, &q);
    assert_true(str_eq(buf_str(&out), STR(ASK)));
    json_decref(q.ask);

    buf_clear(&out);
    assert_int_equal(redis_presence_read_answer(STR(TOLD), &a), EH_OK);
    assert_int_equal(json_array_size(a.answers), 2);
    redis_presence_add_answer(&out, &a);
    assert_true(str_eq(buf_str(&out), STR(TOLD)));
    json_decref(a.answers);
    buf_done(&out);
}

/* The longest one asks about a page of topics with the longest names. */
static void bounds_other_questions(void **state)
{
    static const char head[] = "{\"ask\":{\"x\":\"";
    static const char tail[] = "\"},\"id\":8,\"node\":\"0123456789abcdef\",\"v\":1}";
    struct redis_presence_question q;
    struct buf text = { 0 };

    (void)state;
    assert_true(REDIS_ASK_QUESTION_MAX >= 100 * (TOPIC_MAX + 3) + 200);
    for (size_t more = 0; more < 2; more++) {
        size_t rest = REDIS_ASK_QUESTION_MAX - sizeof(head) + 1 - sizeof(tail) + 1 + more;

        buf_clear(&text);
        buf_add_str(&text, str_of(head));
        while (rest--)
            buf_add_char(&text, 'x');
        buf_add_str(&text, str_of(tail));
        assert_int_equal(buf_used(&text), REDIS_ASK_QUESTION_MAX + more);
        assert_int_equal(redis_presence_read_question(buf_str(&text), &q),
                         more ? EH_EINVAL : EH_OK);
        if (!more)
            json_decref(q.ask);
    }
    buf_clear(&text);
    buf_add_str(&text, STR(QUESTION));
    while (buf_used(&text) <= REDIS_PRESENCE_QUESTION_MAX)
        buf_add_char(&text, ' ');
    assert_int_equal(redis_presence_read_question(buf_str(&text), &q), EH_EINVAL);
    buf_done(&text);
}

static void refuses_invalid_ones(void **state)
{
    static const char *const questions[] = {
        "{\"ask\":[],\"id\":8,\"node\":\"0123456789abcdef\",\"v\":1}",
        "{\"ask\":{},\"id\":8,\"node\":\"0123456789abcde\",\"v\":1}",
        "{\"ask\":{},\"id\":-8,\"node\":\"0123456789abcdef\",\"v\":1}",
        "{\"ask\":{},\"id\":8,\"node\":\"0123456789abcdef\",\"v\":2}",
    };
    static const char *const answers[] = {
        "{\"answers\":{},\"id\":8,\"v\":1}",
        "{\"answers\":[],\"id\":\"8\",\"v\":1}",
        "{\"answers\":[],\"v\":1}",
    };
    struct redis_presence_question q;
    struct redis_presence_answer a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        assert_int_equal(redis_presence_read_question(str_of(questions[i]), &q), EH_EINVAL);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        assert_int_equal(redis_presence_read_answer(str_of(answers[i]), &a), EH_EINVAL);
}

/* One change to a valid text: `from` becomes `to`. */
struct change {
    const char *from, *to;
};

static char *changed(const char *text, const struct change *c)
{
    const char *at = strstr(text, c->from);
    size_t before, size = strlen(text) + strlen(c->to) + 1;
    char *out = malloc(size);

    assert_non_null(at);
    assert_non_null(out);
    before = (size_t)(at - text);
    memcpy(out, text, before);
    strcpy(out + before, c->to);
    strcat(out, at + strlen(c->from));
    return out;
}

static void refuses_invalid_questions(void **state)
{
    static const struct change changes[] = {
        { "{", "[{" },
        { "}", "" },
        { "\"v\":1", "\"v\":2" },
        { "\"v\":1", "\"v\":1,\"v\":1" },
        { ",\"v\":1", "" },
        { "7", "-1" },
        { "7", "\"7\"" },
        { "7", "1.5" },
        { "\"id\":7,", "" },
        { "0123456789abcdef", "0123456789abcde" },
        { "0123456789abcdef", "0123456789abcdef0" },
        { "0123456789abcdef", "0123456789ABCDEF" },
        { "0123456789abcdef", "*123456789abcdef" },
        { "\"0123456789abcdef\"", "1" },
        { "true", "1" },
        { "a/+", "a/" },
        { "a/+", "" },
        { "a/+", "a b" },
        { "\"a/+\"", "[]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char *text = changed(QUESTION, &changes[i]);
        struct redis_presence_question q;

        if (redis_presence_read_question(str_of(text), &q) == EH_OK)
            fail_msg("accepted: %s", text);
        free(text);
    }
}

static void refuses_invalid_answers(void **state)
{
    static const struct change changes[] = {
        { "{", "" },
        { "\"v\":1", "\"v\":0" },
        { "3", "-3" },
        { "3", "1000000001" },
        { "3", "null" },
        { "7", "99999999999999999999" },
        { "false", "0" },
        { "[\"ann\",", "{\"ann\":" },
        { "\"ann\"", "7" },
        { "\"ann\"", "\"\"" },
        { "\"subs\"", "\"names\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char *text = changed(ANSWER, &changes[i]);
        struct redis_presence_answer a;

        if (redis_presence_read_answer(str_of(text), &a) == EH_OK)
            fail_msg("accepted: %s", text);
        free(text);
    }
}

/* Reads answers to another question, which have n bytes together. */
static int read_other_answers(size_t n)
{
    const struct str begin = STR("{\"answers\":[\""), end = STR("\"],\"id\":8,\"v\":1}");
    struct redis_presence_answer a = { 0 };
    struct buf text = { 0 };
    int rc;

    buf_add_str(&text, begin);
    for (size_t i = begin.n + end.n; i < n; i++)
        buf_add_char(&text, 'x');
    buf_add_str(&text, end);
    rc = redis_presence_read_answer(buf_str(&text), &a);
    json_decref(a.answers);
    buf_done(&text);
    return rc;
}

static void bounds_the_answers_to_other_questions(void **state)
{
    (void)state;
    assert_int_equal(read_other_answers(REDIS_ASK_ANSWER_MAX), EH_OK);
    assert_int_equal(read_other_answers(REDIS_ASK_ANSWER_MAX + 1), EH_EINVAL);
}

/* Reads an answer with `n` equal subs of `length` bytes. */
static int read_with_subs(size_t n, size_t length, struct redis_presence_answer *ret)
{
    struct buf text = { 0 };
    int rc;

    buf_add_str(&text, STR("{\"count\":3,\"id\":7,\"more\":false,\"v\":1,\"subs\":["));
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, i ? STR(",\"") : STR("\""));
        memset(buf_reserve(&text, length), 'x', length);
        buf_commit(&text, length);
        buf_add_char(&text, '"');
    }
    buf_add_str(&text, STR("]}"));
    rc = redis_presence_read_answer(buf_str(&text), ret);
    buf_done(&text);
    return rc;
}

static void limits_the_sizes_of_an_answer(void **state)
{
    struct redis_presence_answer a;

    (void)state;
    assert_int_equal(read_with_subs(PRESENCE_SUBS, AUTH_SUB_MAX, &a), EH_OK);
    assert_int_equal(a.presence.n_subs, 1);
    presence_done(&a.presence);
    assert_int_equal(read_with_subs(PRESENCE_SUBS + 1, 1, &a), EH_EINVAL);
    assert_int_equal(read_with_subs(1, AUTH_SUB_MAX + 1, &a), EH_EINVAL);
    assert_int_equal(read_with_subs(1, REDIS_PRESENCE_ANSWER_MAX, &a), EH_EINVAL);
}

static void leaves_out_subs_that_would_make_an_answer_too_long(void **state)
{
    struct redis_presence_answer a = { .id = 1, .presence.count = 1000 }, back;
    char sub[AUTH_SUB_MAX];
    struct buf out = { 0 };

    (void)state;
    memset(sub, 1, sizeof(sub)); /* control characters: six bytes each in JSON */
    for (size_t i = 0; i < PRESENCE_SUBS; i++) {
        sub[0] = (char)('0' + i / 100);
        sub[1] = (char)('0' + i / 10 % 10);
        sub[2] = (char)('0' + i % 10);
        presence_add_sub(&a.presence, str_make(sub, sizeof(sub)));
    }
    redis_presence_add_answer(&out, &a);
    assert_true(buf_used(&out) < REDIS_PRESENCE_ANSWER_MAX);
    assert_int_equal(redis_presence_read_answer(buf_str(&out), &back), EH_OK);
    assert_true(back.presence.more);
    assert_int_equal(back.presence.count, 1000);
    assert_in_range(back.presence.n_subs, 100, PRESENCE_SUBS - 1);
    presence_done(&back.presence);
    presence_done(&a.presence);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_question_as_it_was_written),
        cmocka_unit_test(reads_an_answer_as_it_was_written),
        cmocka_unit_test(passes_other_questions_on),
        cmocka_unit_test(bounds_other_questions),
        cmocka_unit_test(refuses_invalid_ones),
        cmocka_unit_test(refuses_invalid_questions),
        cmocka_unit_test(refuses_invalid_answers),
        cmocka_unit_test(bounds_the_answers_to_other_questions),
        cmocka_unit_test(limits_the_sizes_of_an_answer),
        cmocka_unit_test(leaves_out_subs_that_would_make_an_answer_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
