#include "broker/redis/redis_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "base/buf.h"

#include "broker/gaps.h"

/* Parses the bytes of a reply (RESP2). */
static redisReply *reply_of(struct str wire)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_int_equal(redisReaderFeed(reader, wire.p, wire.n), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void add_bulk(struct buf *wire, struct str s)
{
    buf_addf(wire, "$%zu\r\n", s.n);
    buf_add_str(wire, s);
    buf_add_str(wire, STR("\r\n"));
}

/* ---- errors ---- */

static void recognizes_errors_by_their_code(void **state)
{
    static const struct {
        const char *wire, *code;
        bool want;
    } cases[] = {
        { "-NOSCRIPT No matching script.\r\n", "NOSCRIPT", true },
        { "-READONLY You can't write\r\n", "READONLY", true },
        { "-ERR Error running script: @user_script: 61: -READONLY You can't\r\n", "READONLY",
          true },
        { "-ERR Error running script: @user_script: 61: -READONLY You can't\r\n", "OOM", false },
        { "-ERR something about READONLY\r\n", "READONLY", false },
        { "+READONLY\r\n", "READONLY", false },
        { "$8\r\nNOSCRIPT\r\n", "NOSCRIPT", false },
        { ":1\r\n", "ERR", false },
        { "-\r\n", "ERR", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));

        assert_int_equal(redis_reply_has_code(r, cases[i].code), cases[i].want);
        freeReplyObject(r);
    }
}

static void recognizes_errors_that_need_a_reconnect(void **state)
{
    static const struct {
        const char *wire;
        bool want;
    } cases[] = {
        { "-READONLY You can't write against a read only replica.\r\n", true },
        { "-LOADING Redis is loading the dataset in memory\r\n", true },
        { "-MASTERDOWN Link with MASTER is down\r\n", true },
        { "-NOAUTH Authentication required.\r\n", true },
        { "-OOM command not allowed when used memory > 'maxmemory'.\r\n", false },
        { "-MISCONF Redis is configured to save RDB snapshots\r\n", false },
        { "-BUSY Redis is busy running a script\r\n", false },
        { "+OK\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));

        assert_int_equal(redis_reply_needs_reconnect(r), cases[i].want);
        freeReplyObject(r);
    }
}

/* ---- publish, key/value calls, fence and probe ---- */

static void reads_the_id_of_a_publish(void **state)
{
    static const struct {
        const char *wire;
        bool want;
    } cases[] = {
        { "$6\r\n1700-3\r\n", true },
        { "+1700-3\r\n", true },
        { "*1\r\n$6\r\n1700-3\r\n", false },
        { "-1700-3\r\n", false },
        { "$4\r\n1700\r\n", false },
        { "$-1\r\n", false },
        { "+OK\r\n", false },
        { "*0\r\n", false },
        { "*2\r\n$6\r\n1700-3\r\n$6\r\n1700-3\r\n", false },
        { "*1\r\n:1700\r\n", false },
        { "$7\r\n1700-3x\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        struct broker_publish p = { 0 };

        assert_int_equal(redis_reply_publish(r, &p) == EH_OK, cases[i].want);
        assert_int_equal(p.ret_id.ms, cases[i].want ? 1700 : 0);
        assert_int_equal(p.ret_id.seq, cases[i].want ? 3 : 0);
        assert_int_equal(p.ret_retry_ms, 0);
        freeReplyObject(r);
    }
}

static void reads_a_repeat_and_a_limit_of_a_publish(void **state)
{
    static const struct {
        const char *wire;
        bool repeated;
        uint64_t retry_ms;
    } cases[] = {
        { "$6\r\n1700-3\r\n", false, 0 }, { "+1700-3\r\n", true, 0 }, { ":1500\r\n", false, 1500 },
        { ":0\r\n", false, 1 },           { ":-2\r\n", false, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        struct broker_publish p = { .ret_repeated = true, .ret_retry_ms = 77 };

        assert_int_equal(redis_reply_publish(r, &p), EH_OK);
        assert_int_equal(p.ret_repeated, cases[i].repeated);
        assert_int_equal(p.ret_retry_ms, cases[i].retry_ms);
        freeReplyObject(r);
    }
}

static void finds_the_answer_to_each_message(void **state)
{
    static const struct {
        const char *wire;
        size_t n, i;
        const char *want; /* NULL: none */
    } cases[] = {
        { "*1\r\n$6\r\n1700-3\r\n", 1, 0, "1700-3" },
        { "*2\r\n$3\r\n1-1\r\n+1-2\r\n", 2, 0, "1-1" },
        { "*2\r\n$3\r\n1-1\r\n+1-2\r\n", 2, 1, "1-2" },
        { "*2\r\n$3\r\n1-1\r\n-OOM no\r\n", 2, 1, "OOM no" },
        { "-MISCONF no\r\n", 2, 0, "MISCONF no" }, /* an error is the answer to all */
        { "-MISCONF no\r\n", 2, 1, "MISCONF no" },
        { "*1\r\n$3\r\n1-1\r\n", 2, 0, NULL },         /* too few */
        { "*2\r\n$3\r\n1-1\r\n+1-2\r\n", 1, 0, NULL }, /* too many */
        { "*2\r\n$3\r\n1-1\r\n+1-2\r\n", 2, 2, NULL },
        { "*0\r\n", 1, 0, NULL },
        { "*-1\r\n", 1, 0, NULL },
        { "$6\r\n1700-3\r\n", 1, 0, NULL },
        { "$-1\r\n", 1, 0, NULL },
        { ":1\r\n", 1, 0, NULL },
        { "+OK\r\n", 1, 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        const redisReply *own = redis_reply_of_message(r, cases[i].n, cases[i].i);

        assert_int_equal(own != NULL, cases[i].want != NULL);
        if (own)
            assert_true(str_eq(redis_reply_text(own), str_of(cases[i].want)));
        freeReplyObject(r);
    }
}

static void reads_the_value_of_a_get_or_none(void **state)
{
    static const struct {
        const char *wire;
        bool want, found;
    } cases[] = {
        { "$2\r\nab\r\n", true, true }, { "$0\r\n\r\n", true, true }, { "$-1\r\n", true, false },
        { "+ab\r\n", false, false },    { ":1\r\n", false, false },   { "*0\r\n", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        struct broker_kv kv = { 0 };

        assert_int_equal(redis_reply_get(r, &kv) == EH_OK, cases[i].want);
        assert_int_equal(kv.ret_found, cases[i].found);
        assert_int_equal(kv.ret_value != NULL, cases[i].found);
        if (kv.ret_value) {
            assert_true(str_eq(bytes_str(kv.ret_value), redis_reply_text(r)));
            shared_unref(&kv.ret_value->shared);
        }
        freeReplyObject(r);
    }
}

static void accepts_only_ok_for_a_set(void **state)
{
    static const struct {
        const char *wire;
        bool want;
    } cases[] = {
        { "+OK\r\n", true },  { "+QUEUED\r\n", false }, { "$2\r\nOK\r\n", false },
        { "$-1\r\n", false }, { ":1\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));

        assert_int_equal(redis_reply_set(r) == EH_OK, cases[i].want);
        freeReplyObject(r);
    }
}

static void reads_whether_a_delete_found_the_key(void **state)
{
    static const struct {
        const char *wire;
        bool want, found;
    } cases[] = {
        { ":1\r\n", true, true },
        { ":0\r\n", true, false },
        { "+OK\r\n", false, false },
        { "$1\r\n1\r\n", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        struct broker_kv kv = { 0 };

        assert_int_equal(redis_reply_delete(r, &kv) == EH_OK, cases[i].want);
        assert_int_equal(kv.ret_found, cases[i].found);
        freeReplyObject(r);
    }
}

static void reads_how_many_messages_were_removed(void **state)
{
    static const struct {
        const char *wire;
        bool want;
        uint64_t removed;
    } cases[] = {
        { ":0\r\n", true, 0 },       { ":1000\r\n", true, 1000 }, { ":-1\r\n", false, 0 },
        { "$1\r\n7\r\n", false, 0 }, { "+OK\r\n", false, 0 },     { "*0\r\n", false, 0 },
        { "$-1\r\n", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].wire));
        uint64_t removed = 0;

        assert_int_equal(redis_reply_count(r, &removed) == EH_OK, cases[i].want);
        assert_int_equal(removed, cases[i].removed);
        freeReplyObject(r);
    }
}

#define LONGEST_REPLID "$40\r\n8371c5000000000000000000000000000000cafe\r\n"
#define TOO_LONG       "$41\r\n8371c5000000000000000000000000000000cafe0\r\n"

static void reads_the_answer_of_a_fence(void **state)
{
    static const struct {
        const char *reply;
        int rc;
        uint64_t last_ms, log_start_ms, tail_ms;
        const char *replid, *tail_replid;
        bool has_missed;
    } cases[] = {
        { "*6\r\n$3\r\n9-1\r\n$3\r\n7-0\r\n$1\r\na\r\n:1\r\n$3\r\n8-2\r\n$1\r\nb\r\n", EH_OK, 9, 7,
          8, "a", "b", true },
        { "*6\r\n$3\r\n9-1\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_OK, 9, 0, 9,
          "", "", false },
        { "*6\r\n$3\r\n9-1\r\n$0\r\n\r\n" LONGEST_REPLID ":0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_OK, 9,
          0, 9, "8371c5000000000000000000000000000000cafe", "", false },
        { "*6\r\n$3\r\n9-1\r\n$0\r\n\r\n" TOO_LONG ":0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_EINVAL, 0, 0,
          0, "", "", false },
        { "*6\r\n$3\r\n0-0\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_EINVAL, 0, 0,
          0, "", "", false },
        { "*6\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_EINVAL, 0, 0, 0,
          "", "", false },
        { "*6\r\n$3\r\n9-1\r\n$0\r\n\r\n:5\r\n:0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_EINVAL, 0, 0, 0,
          "", "", false },
        { "*6\r\n$3\r\n9-1\r\n$0\r\n\r\n$0\r\n\r\n$1\r\n0\r\n$3\r\n9-1\r\n$0\r\n\r\n", EH_EINVAL, 0,
          0, 0, "", "", false },
        { "*2\r\n$3\r\n9-1\r\n$3\r\n7-0\r\n", EH_EINVAL, 0, 0, 0, "", "", false },
        { "-ERR no\r\n", EH_EINVAL, 0, 0, 0, "", "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].reply));
        struct redis_fenced f = { 0 };

        assert_int_equal(redis_reply_fence(r, &f), cases[i].rc);
        assert_int_equal(f.ids.last.ms, cases[i].last_ms);
        assert_int_equal(f.ids.log_start.ms, cases[i].log_start_ms);
        assert_int_equal(f.tail.ms, cases[i].tail_ms);
        assert_string_equal(f.replid, cases[i].replid);
        assert_string_equal(f.tail_replid, cases[i].tail_replid);
        assert_int_equal(f.has_missed, cases[i].has_missed);
        freeReplyObject(r);
    }
}

static void reads_the_answer_of_a_probe(void **state)
{
    static const struct {
        const char *reply;
        int rc;
        uint64_t last_ms, log_start_ms;
        const char *replid;
        bool is_current;
    } cases[] = {
        { "*4\r\n$3\r\n9-1\r\n$3\r\n7-0\r\n" LONGEST_REPLID ":1\r\n", EH_OK, 9, 7,
          "8371c5000000000000000000000000000000cafe", true },
        { "*4\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n", EH_OK, 0, 0, "", false },
        { "*4\r\n$3\r\n9-1\r\n$3\r\n7-0\r\n" TOO_LONG ":1\r\n", EH_EINVAL, 0, 0, "", false },
        { "*4\r\n$1\r\nx\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n", EH_EINVAL, 0, 0, "", false },
        { "*4\r\n$3\r\n9-1\r\n:1\r\n$0\r\n\r\n:0\r\n", EH_EINVAL, 0, 0, "", false },
        { "*4\r\n$3\r\n9-1\r\n$0\r\n\r\n$0\r\n\r\n$1\r\n1\r\n", EH_EINVAL, 0, 0, "", false },
        { "*2\r\n$3\r\n9-1\r\n$3\r\n7-0\r\n", EH_EINVAL, 0, 0, "", false },
        { "+9-1\r\n", EH_EINVAL, 0, 0, "", false },
        { "-ERR no\r\n", EH_EINVAL, 0, 0, "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i].reply));
        struct redis_probed p = { 0 };

        assert_int_equal(redis_reply_probe(r, &p), cases[i].rc);
        assert_int_equal(p.ids.last.ms, cases[i].last_ms);
        assert_int_equal(p.ids.log_start.ms, cases[i].log_start_ms);
        assert_string_equal(p.replid, cases[i].replid);
        assert_int_equal(p.is_current, cases[i].is_current);
        freeReplyObject(r);
    }
}

/* ---- history ---- */

#define PAGE_POINT "*8\r\n$3\r\n9-1\r\n$2\r\n77\r\n$3\r\n8-0\r\n:1\r\n"
#define PAGE_HEAD  PAGE_POINT ":1\r\n*0\r\n"
#define GONE_NONE  "*0\r\n"
#define ENTRY_ONE  "$3\r\n7-1\r\n$3\r\na/b\r\n$3\r\n\"x\"\r\n$0\r\n\r\n"
#define ENTRY_TWO  "$3\r\n8-0\r\n$1\r\nc\r\n$4\r\n\"yy\"\r\n$4\r\n\"me\"\r\n"
#define ENTRY_JUNK "$3\r\n8-0\r\n$2\r\nc+\r\n$4\r\n\"yy\"\r\n$4\r\n\"me\"\r\n" /* no topic */

/* The origin of an entry, and the author that it is behind. */
static void cuts_the_author_off_the_origin(void **state)
{
    static const struct {
        const char *origin, *body;
        uint64_t n;
    } cases[] = {
        { "$0\r\n\r\n", "{\"id\":\"7-1\",\"message\":\"x\",\"topic\":\"a\"}}", 0 },
        { "$7\r\n1-2-3-4\r\n", "{\"id\":\"7-1\",\"message\":\"x\",\"topic\":\"a\"}}", 4 },
        { "$11\r\n1-2-3-4\"me\"\r\n",
          "{\"id\":\"7-1\",\"message\":\"x\",\"origin\":\"me\",\"topic\":\"a\"}}", 4 },
        { "$8\r\njunk\"me\"\r\n",
          "{\"id\":\"7-1\",\"message\":\"x\",\"origin\":\"me\",\"topic\":\"a\"}}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { .since = -5 };
        char text[256];
        redisReply *r;
        size_t n_gone;

        (void)snprintf(text, sizeof(text),
                       PAGE_HEAD "*0\r\n*4\r\n$3\r\n7-1\r\n$1\r\na\r\n$3\r\n\"x\"\r\n%s",
                       cases[i].origin);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_history(r, &h, NULL, 0, &n_gone), EH_OK);
        assert_true(str_eq(h.ret_items[0]->body, str_of(cases[i].body)));
        assert_int_equal(h.ret_items[0]->has_author, cases[i].n > 0);
        if (cases[i].n)
            assert_true(message_author(h.ret_items[0]).n == cases[i].n);
        message_unref(h.ret_items[0]);
        free(h.ret_items);
        freeReplyObject(r);
    }
}

static void reads_a_page_of_history(void **state)
{
    redisReply *r = reply_of(STR(PAGE_HEAD "*2\r\n$1\r\np\r\n$1\r\nq\r\n"
                                           "*8\r\n" ENTRY_ONE ENTRY_TWO));
    struct broker_history h = { .since = -5, .newest = 9 };
    struct str gone[1];
    size_t n_gone;

    (void)state;
    assert_int_equal(redis_reply_history(r, &h, gone, ARRAY_LEN(gone), &n_gone), EH_OK);
    assert_int_equal(h.snapshot_end.ms, 9);
    assert_int_equal(h.after.ms, 8);
    assert_int_equal(h.since, 77);
    assert_int_equal(h.newest, 0);
    assert_true(h.ret_more && h.ret_complete);
    assert_int_equal(h.ret_n, 2);
    assert_true(
        str_eq(h.ret_items[0]->body, STR("{\"id\":\"7-1\",\"message\":\"x\",\"topic\":\"a/b\"}}")));
    assert_true(
        str_eq(h.ret_items[1]->body,
               STR("{\"id\":\"8-0\",\"message\":\"yy\",\"origin\":\"me\",\"topic\":\"c\"}}")));
    assert_int_equal(n_gone, 1); /* no more than fit */
    assert_true(str_eq(gone[0], STR("p")));
    for (size_t i = 0; i < h.ret_n; i++)
        message_unref(h.ret_items[i]);
    free(h.ret_items);
    freeReplyObject(r);
}

static void names_the_topics_with_gaps(void **state)
{
    static const struct {
        const char *complete_and_gaps;
        size_t n; /* 0: the topics are unknown */
    } cases[] = {
        { ":0\r\n*2\r\n$1\r\na\r\n$3\r\nb/c\r\n", 2 },
        { ":0\r\n*0\r\n", 0 },
        { ":1\r\n*1\r\n$1\r\na\r\n", 0 },            /* a complete page has no gaps */
        { ":0\r\n*2\r\n$1\r\na\r\n$1\r\n+\r\n", 0 }, /* no topic */
        { ":0\r\n$1\r\na\r\n", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { 0 };
        char text[256];
        size_t n_gone;
        redisReply *r;

        snprintf(text, sizeof(text), PAGE_POINT "%s" GONE_NONE "*0\r\n",
                 cases[i].complete_and_gaps);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_history(r, &h, NULL, 0, &n_gone), EH_OK);
        assert_int_equal(h.ret_gaps ? h.ret_gaps->n : 0, cases[i].n);
        if (cases[i].n)
            assert_true(str_eq(h.ret_gaps->topics[1], STR("b/c")));
        free(h.ret_gaps);
        free(h.ret_items);
        freeReplyObject(r);
    }
}

/* Lua's numbers are doubles, so the script's value is not read back. */
static void keeps_an_absolute_since(void **state)
{
    redisReply *r = reply_of(STR(PAGE_HEAD GONE_NONE "*0\r\n"));
    struct broker_history h = { .since = INT64_MAX };
    size_t n_gone;

    (void)state;
    assert_int_equal(redis_reply_history(r, &h, NULL, 0, &n_gone), EH_OK);
    assert_true(h.since == INT64_MAX);
    free(h.ret_items);
    freeReplyObject(r);
}

static void refuses_a_page_of_another_form(void **state)
{
    static const char *const cases[] = {
        PAGE_HEAD GONE_NONE "*4\r\n" ENTRY_JUNK,
        PAGE_HEAD GONE_NONE "*8\r\n" ENTRY_ONE ENTRY_JUNK,
        PAGE_HEAD GONE_NONE "*3\r\n$3\r\n7-1\r\n$1\r\na\r\n$3\r\n\"x\"\r\n",
        PAGE_HEAD GONE_NONE "*4\r\n$3\r\n7-1\r\n$1\r\na\r\n$1\r\n\"\r\n$0\r\n\r\n",
        PAGE_HEAD GONE_NONE "*4\r\n$3\r\n7-1\r\n$1\r\na\r\n$3\r\n\"x\"\r\n$-1\r\n",
        PAGE_HEAD GONE_NONE ":0\r\n",
        "*8\r\n$1\r\n9\r\n$2\r\n77\r\n$3\r\n8-0\r\n:1\r\n:1\r\n*0\r\n" GONE_NONE "*0\r\n",
        "*7\r\n$3\r\n9-1\r\n$1\r\nx\r\n$3\r\n8-0\r\n:1\r\n:1\r\n" GONE_NONE "*0\r\n",
        "*1\r\n$3\r\n9-1\r\n",
        "+OK\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i]));
        struct broker_history h = { .since = -1 };
        size_t n_gone;

        assert_int_equal(redis_reply_history(r, &h, NULL, 0, &n_gone), EH_EINVAL);
        assert_null(h.ret_items);
        assert_int_equal(h.ret_n, 0);
        freeReplyObject(r);
    }
}

static void reads_the_latest_ids_and_their_topics(void **state)
{
    static const struct {
        const char *last; /* element */
        int rc;
        size_t n;
    } cases[] = {
        { "*0\r\n", EH_OK, 0 },
        { "*4\r\n$3\r\n9-1\r\n:1\r\n$3\r\n8-0\r\n:200\r\n", EH_OK, 2 },
        { "*1\r\n$3\r\n9-1\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n:0\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n:-1\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n:4294967296\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n$1\r\n1\r\n", EH_EINVAL, 0 },
        { "*2\r\n:1\r\n$3\r\n9-1\r\n", EH_EINVAL, 0 },
        { ":0\r\n", EH_EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_answer a = { 0 };
        char text[256];
        size_t n_gone;
        redisReply *r;

        snprintf(text, sizeof(text), PAGE_HEAD GONE_NONE "%s", cases[i].last);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_latest(r, &a, NULL, 0, &n_gone), cases[i].rc);
        if (cases[i].rc == EH_OK)
            assert_int_equal(a.n_ids, cases[i].n);
        if (cases[i].n == 2)
            assert_true(a.numbers[0] == 0 && a.numbers[1] == 199 && a.ids[1].ms == 8);
        redis_answer_done(&a);
        freeReplyObject(r);
    }
}

static void reads_the_states_of_topics(void **state)
{
    static const struct {
        const char *last; /* element */
        int rc;
        size_t n;
    } cases[] = {
        { "*2\r\n$3\r\n9-1\r\n:4294967296\r\n", EH_OK, 1 },
        { "*4\r\n$3\r\n9-1\r\n:4294967296\r\n$0\r\n\r\n:0\r\n", EH_OK, 2 },
        { "*0\r\n", EH_EINVAL, 0 }, /* no progress */
        { "*1\r\n$3\r\n9-1\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n:-1\r\n", EH_EINVAL, 0 },
        { "*2\r\n$3\r\n9-1\r\n$1\r\n1\r\n", EH_EINVAL, 0 },
        { "*2\r\n$1\r\n9\r\n:1\r\n", EH_EINVAL, 0 },
        { "*2\r\n:9\r\n:1\r\n", EH_EINVAL, 0 },
        { ":0\r\n", EH_EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_answer a = { 0 };
        char text[256];
        redisReply *r;

        snprintf(text, sizeof(text), PAGE_HEAD GONE_NONE "%s", cases[i].last);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_states(r, &a), cases[i].rc);
        if (cases[i].rc == EH_OK) {
            assert_int_equal(a.n_ids, cases[i].n);
            assert_true(a.ids[0].ms == 9 && a.lengths[0] == 4294967296);
        }
        if (cases[i].n == 2)
            assert_true(msgid_is_zero(a.ids[1]) && a.lengths[1] == 0);
        redis_answer_done(&a);
        freeReplyObject(r);
    }
}

static void reads_names_and_ids(void **state)
{
    static const struct {
        const char *last; /* element */
        int names, ids;   /* results */
        size_t n_names, n_ids;
    } cases[] = {
        { "*2\r\n$1\r\ni\r\n$0\r\n\r\n", EH_OK, EH_EINVAL, 0, 0 },
        { "*4\r\n$1\r\ni\r\n$1\r\n7\r\n$1\r\na\r\n$3\r\nb/c\r\n", EH_OK, EH_EINVAL, 2, 0 },
        { "*2\r\n$3\r\n9-1\r\n$3\r\n8-0\r\n", EH_OK, EH_OK, 0, 2 },
        { "*0\r\n", EH_EINVAL, EH_OK, 0, 0 },
        { "*2\r\n:1\r\n:2\r\n", EH_EINVAL, EH_EINVAL, 0, 0 },
        { ":0\r\n", EH_EINVAL, EH_EINVAL, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_answer names = { 0 }, ids = { 0 };
        char text[256];
        size_t n_gone;
        redisReply *r;

        snprintf(text, sizeof(text), PAGE_HEAD GONE_NONE "%s", cases[i].last);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_names(r, &names), cases[i].names);
        assert_int_equal(redis_reply_ids(r, &ids, NULL, 0, &n_gone), cases[i].ids);
        if (cases[i].names == EH_OK)
            assert_int_equal(names.n_names, cases[i].n_names);
        if (cases[i].ids == EH_OK)
            assert_int_equal(ids.n_ids, cases[i].n_ids);
        redis_answer_done(&names);
        redis_answer_done(&ids);
        freeReplyObject(r);
    }
}

static void tells_what_is_missing_whatever_the_topics(void **state)
{
    static const struct {
        const char *complete;
        bool is_complete, is_held;
    } cases[] = { { ":1\r\n", true, true },
                  { ":0\r\n", false, true },
                  { ":-1\r\n", false, false } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { 0 };
        char text[256];
        size_t n_gone;
        redisReply *r;

        snprintf(text, sizeof(text), PAGE_POINT "%s*0\r\n" GONE_NONE "*0\r\n", cases[i].complete);
        r = reply_of(str_of(text));
        assert_int_equal(redis_reply_history(r, &h, NULL, 0, &n_gone), EH_OK);
        assert_int_equal(h.ret_complete, cases[i].is_complete);
        assert_int_equal(redis_reply_is_held(r), cases[i].is_held);
        free(h.ret_items);
        freeReplyObject(r);
    }
}

/* ---- the feed ---- */

static void reads_a_message_of_a_channel(void **state)
{
    redisReply *r = reply_of(STR("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"));
    struct redis_push push;

    (void)state;
    assert_int_equal(redis_reply_push(r, &push), EH_OK);
    assert_null(push.glob.p);
    assert_true(str_eq(push.channel, STR("a")));
    assert_true(str_eq(push.payload, STR("b")));
    freeReplyObject(r);
}

static void reads_a_message_of_the_pattern(void **state)
{
    struct buf wire = { 0 };
    struct redis_push push;
    redisReply *r;

    (void)state;
    buf_add_str(&wire, STR("*4\r\n"));
    add_bulk(&wire, STR("pmessage"));
    add_bulk(&wire, STR("eventhub:*"));
    add_bulk(&wire, STR("eventhub:a"));
    add_bulk(&wire, STR("{}"));
    r = reply_of(buf_str(&wire));
    assert_int_equal(redis_reply_push(r, &push), EH_OK);
    assert_true(str_eq(push.glob, STR("eventhub:*")));
    assert_true(str_eq(push.channel, STR("eventhub:a")));
    assert_true(str_eq(push.payload, STR("{}")));
    freeReplyObject(r);
    buf_done(&wire);
}

static void refuses_pushes_that_are_not_messages(void **state)
{
    static const char *const cases[] = {
        "*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
        "*2\r\n$7\r\nmessage\r\n$1\r\na\r\n",
        "*4\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n",
        "+PONG\r\n",
        "-ERR no\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(str_of(cases[i]));
        struct redis_push push;

        assert_int_equal(redis_reply_push(r, &push), EH_EINVAL);
        freeReplyObject(r);
    }
}

static void reads_confirmations(void **state)
{
    static const struct {
        const char *wire;
        int ret;
        enum redis_confirmation what;
        const char *channel;
    } rows[] = {
        { "*3\r\n$9\r\nsubscribe\r\n$3\r\nP:a\r\n:1\r\n", EH_OK, CONFIRMED_SUBSCRIBE, "P:a" },
        { "*3\r\n$10\r\npsubscribe\r\n$3\r\nP:*\r\n:2\r\n", EH_OK, CONFIRMED_PSUBSCRIBE, "P:*" },
        { "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", EH_OK, CONFIRMED_UNSUBSCRIBE, "a" },
        { "*3\r\n$12\r\npunsubscribe\r\n$1\r\n*\r\n:0\r\n", EH_OK, CONFIRMED_PUNSUBSCRIBE, "*" },
        /* of an UNSUBSCRIBE without channels */
        { "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", EH_EINVAL, 0, NULL },
        { "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n", EH_EINVAL, 0, NULL },
        { "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n:1\r\n", EH_EINVAL, 0, NULL },
        { "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n$1\r\n1\r\n", EH_EINVAL, 0, NULL },
        { "*2\r\n$9\r\nsubscribe\r\n$1\r\na\r\n", EH_EINVAL, 0, NULL },
        { "*3\r\n:1\r\n$1\r\na\r\n:1\r\n", EH_EINVAL, 0, NULL },
        { "-ERR no\r\n", EH_EINVAL, 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redisReply *r = reply_of(str_of(rows[i].wire));
        struct redis_confirmed got;

        assert_int_equal(redis_reply_confirmed(r, &got), rows[i].ret);
        if (rows[i].ret == EH_OK) {
            assert_int_equal(got.what, rows[i].what);
            assert_true(str_eq(got.channel, str_of(rows[i].channel)));
        }
        freeReplyObject(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognizes_errors_by_their_code),
        cmocka_unit_test(recognizes_errors_that_need_a_reconnect),
        cmocka_unit_test(reads_the_id_of_a_publish),
        cmocka_unit_test(reads_a_repeat_and_a_limit_of_a_publish),
        cmocka_unit_test(finds_the_answer_to_each_message),
        cmocka_unit_test(reads_the_value_of_a_get_or_none),
        cmocka_unit_test(accepts_only_ok_for_a_set),
        cmocka_unit_test(reads_whether_a_delete_found_the_key),
        cmocka_unit_test(reads_how_many_messages_were_removed),
        cmocka_unit_test(reads_the_answer_of_a_fence),
        cmocka_unit_test(reads_the_answer_of_a_probe),
        cmocka_unit_test(cuts_the_author_off_the_origin),
        cmocka_unit_test(reads_a_page_of_history),
        cmocka_unit_test(names_the_topics_with_gaps),
        cmocka_unit_test(keeps_an_absolute_since),
        cmocka_unit_test(refuses_a_page_of_another_form),
        cmocka_unit_test(reads_names_and_ids),
        cmocka_unit_test(reads_the_states_of_topics),
        cmocka_unit_test(reads_the_latest_ids_and_their_topics),
        cmocka_unit_test(tells_what_is_missing_whatever_the_topics),
        cmocka_unit_test(reads_a_message_of_a_channel),
        cmocka_unit_test(reads_a_message_of_the_pattern),
        cmocka_unit_test(refuses_pushes_that_are_not_messages),
        cmocka_unit_test(reads_confirmations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
