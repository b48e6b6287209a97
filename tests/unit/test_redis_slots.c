#include "broker/redis/redis_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "base/buf.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_parser.h"

#define SLOT 100

static const struct redis_endpoint asked = { "asked.example", 7000 };

/* Parses the bytes as a connection does. NULL: they are not a whole reply. */
static const struct redisReply *parse(struct redis_parser *parser, struct str wire)
{
    const struct redisReply *reply = NULL;

    for (;;) {
        if (redis_parser_next(parser, &reply) < 0)
            return NULL;
        if (reply || wire.n == 0)
            return reply;
        redis_parser_feed(parser, &wire);
    }
}

static bool read_wire(struct str wire, struct redis_slots *ret)
{
    struct redis_parser *parser = redis_parser_create();
    const struct redisReply *reply = parse(parser, wire);
    bool is_ok = reply && redis_slots_read(reply, SLOT, &asked, ret) == EH_OK;

    redis_parser_free(parser);
    return is_ok;
}

static void computes_the_slot_of_a_key(void **state)
{
    static const struct {
        struct str key;
        unsigned want;
    } cases[] = {
        /* from a Redis 7: CLUSTER KEYSLOT */
        { STR("123456789"), 12739 },
        { STR("foo"), 12182 },
        { STR("eventhub"), 11049 },
        { STR("{eventhub}:id"), 11049 },
        { STR("{eventhub}"), 11049 },
        { STR("x{eventhub}y{z}"), 11049 },
        { STR(""), 0 },
        { STR("{}foo"), 9500 },
        { STR("foo{}{bar}"), 8363 },
        { STR("foo{{bar}}zap"), 4015 },
        { STR("foo{bar}{zap}"), 5061 },
        { STR("{foo"), 13308 },
        { STR("foo}"), 15679 },
        { STR("\0\xff"), 7920 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(redis_slot_of(cases[i].key), cases[i].want);
}

#define NODE(host, port) "*3\r\n" host ":" port "\r\n$1\r\ni\r\n"
#define A                "$1\r\na\r\n"
#define B                "$1\r\nb\r\n"
#define C                "$1\r\nc\r\n"
#define RANGE(a, b)      ":" a "\r\n:" b "\r\n"

static const struct {
    const char *wire, *owner; /* "": no owner; "?": an owner without a name */
    const char *nodes;
} owners[] = {
    /* one master has all slots, with a replica */
    { "*1\r\n*4\r\n" RANGE("0", "16383") NODE(A, "1") NODE(B, "2"), "a:1", "a:1 b:2" },
    /* nodes of our slot come first */
    { "*2\r\n*3\r\n" RANGE("0", "99") NODE(A, "1") "*4\r\n" RANGE("100", "100") NODE(B, "2")
          NODE(C, "3"),
      "b:2", "b:2 c:3 a:1" },
    { "*2\r\n*3\r\n" RANGE("100", "200") NODE(A, "1") "*3\r\n" RANGE("201", "300") NODE(A, "1"),
      "a:1", "a:1" },
    /* nobody owns it */
    { "*2\r\n*3\r\n" RANGE("0", "99") NODE(A, "1") "*3\r\n" RANGE("101", "300") NODE(B, "1"), "",
      "a:1 b:1" },
    { "*0\r\n", "", "" },
    /* reversed, negative and huge ranges contain nothing, or what they contain */
    { "*1\r\n*3\r\n" RANGE("200", "0") NODE(A, "1"), "", "a:1" },
    { "*1\r\n*3\r\n" RANGE("-5", "99999999999") NODE(A, "1"), "a:1", "a:1" },
    /* overlapping ranges: the first one wins */
    { "*2\r\n*3\r\n" RANGE("0", "200") NODE(B, "1") "*3\r\n" RANGE("50", "150") NODE(A, "1"), "b:1",
      "b:1 a:1" },
    /* the host that answered */
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE("$0\r\n\r\n", "1"), "asked.example:1",
      "asked.example:1" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE("$-1\r\n", "1"), "asked.example:1", "asked.example:1" },
    /* an unknown name; its replica is known */
    { "*1\r\n*4\r\n" RANGE("0", "200") NODE("$1\r\n?\r\n", "1") NODE(B, "2"), "?", "b:2" },
    /* Redis 7 adds an array, here with an address; later versions may add more */
    { "*1\r\n*3\r\n" RANGE("0", "200") "*4\r\n$9\r\na.example\r\n:1\r\n$1\r\ni\r\n*2\r\n$2\r\nip"
                                       "\r\n$9\r\n127.0.0.1\r\n",
      "a.example:1", "a.example:1" },
    { "*1\r\n*4\r\n" RANGE("0", "200") "*6\r\n" A ":1\r\n$1\r\ni\r\n*0\r\n:7\r\n$-1\r\n"
                                       ":5\r\n",
      "a:1", "a:1" },
    { "*1\r\n*3\r\n" RANGE("0", "200") "*2\r\n" A ":1\r\n", "a:1", "a:1" }, /* no id */
    /* malformed masters: no owner, or that of the next range with the slot */
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE(A, "0"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE(A, "65536"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE(A, "-1"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE("$2\r\n/s\r\n", "1"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE(":1\r\n", "1"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") NODE("-a\r\n", "1"), "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") "*1\r\n" A, "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") "*2\r\n" A A, "", "" },
    { "*1\r\n*3\r\n" RANGE("0", "200") "$-1\r\n", "", "" },
    { "*1\r\n*2\r\n" RANGE("0", "200"), "", "" },
    { "*2\r\n*3\r\n" RANGE("0", "200") NODE(A, "0") "*3\r\n" RANGE("0", "200") NODE(B, "1"), "b:1",
      "b:1" },
    /* malformed ranges are skipped */
    { "*4\r\n:1\r\n*1\r\n:1\r\n*3\r\n" A A NODE(A, "1") "*3\r\n" RANGE("0", "200") NODE(B, "1"),
      "b:1", "b:1" },
};

static void finds_the_owner_of_the_slot(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        char text[REDIS_ENDPOINT_TEXT] = "";
        struct redis_slots slots;
        struct buf nodes = { 0 };

        if (!read_wire(str_of(owners[i].wire), &slots))
            fail_msg("case %zu is refused", i);
        if (slots.is_named)
            redis_endpoint_format(&slots.owner, text);
        else if (slots.has_owner)
            (void)snprintf(text, sizeof(text), "?");
        assert_string_equal(text, owners[i].owner);
        for (size_t n = 0; n < slots.n_nodes; n++) {
            redis_endpoint_format(&slots.nodes[n], text);
            buf_addf(&nodes, "%s%s", n ? " " : "", text);
        }
        if (!str_eq(buf_str(&nodes), str_of(owners[i].nodes)))
            fail_msg("case %zu has the nodes %.*s", i, STR_ARG(buf_str(&nodes)));
        buf_done(&nodes);
    }
}

static void refuses_what_is_no_answer_to_cluster_slots(void **state)
{
    static const char *const cases[] = {
        "+OK\r\n",
        "-ERR This instance has cluster support disabled\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "$5\r\nhello\r\n",
        "*1\r\n$5\r\nhello\r\n",
        "*2\r\n*0\r\n*1\r\n:1\r\n",
        "*1\r\n*3\r\n" A A NODE(A, "1"),
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
    };
    struct redis_slots slots = { .n_nodes = 7 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_false(read_wire(str_of(cases[i]), &slots));
    assert_int_equal(slots.n_nodes, 7);
}

static void takes_no_answer_that_was_cut_off(void **state)
{
    const struct str wire = STR("*2\r\n*4\r\n" RANGE("0", "99") NODE(A, "1")
                                    NODE(B, "2") "*3\r\n" RANGE("100", "300") NODE(C, "3"));
    struct redis_slots slots;

    (void)state;
    for (size_t n = 0; n < wire.n; n++)
        assert_false(read_wire(str_make(wire.p, n), &slots));
    assert_true(read_wire(wire, &slots));
}

/* The worst that a real cluster can answer: the slots go round between masters. */
static void reads_an_answer_with_a_range_for_each_slot(void **state)
{
    struct redis_slots slots;
    struct buf wire = { 0 };

    (void)state;
    buf_addf(&wire, "*%d\r\n", REDIS_SLOTS);
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        buf_addf(&wire, "*5\r\n:%u\r\n:%u\r\n", slot, slot);
        for (unsigned i = 0; i < 3; i++)
            buf_addf(&wire, "*4\r\n$9\r\n127.0.0.1\r\n:%u\r\n$40\r\n%040u\r\n*0\r\n",
                     7000 + slot % 100 + i * 100, slot % 100);
    }
    assert_true(read_wire(buf_str(&wire), &slots));
    assert_true(slots.is_named);
    assert_int_equal(slots.owner.port, 7000 + SLOT % 100);
    assert_int_equal(slots.n_nodes, REDIS_NODES_MAX);
    for (unsigned i = 0; i < 3; i++) /* the nodes of the slot, although others came before */
        assert_int_equal(slots.nodes[i].port, 7000 + SLOT % 100 + i * 100);
    buf_done(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_the_slot_of_a_key),
        cmocka_unit_test(finds_the_owner_of_the_slot),
        cmocka_unit_test(refuses_what_is_no_answer_to_cluster_slots),
        cmocka_unit_test(takes_no_answer_that_was_cut_off),
        cmocka_unit_test(reads_an_answer_with_a_range_for_each_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
