#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "proto/ws.h"

#define MESSAGE_MAX (1u << 20)

/* A mask of zeros leaves the payload readable; masks have their own tests. */
#define KEY "\0\0\0\0"

static const char mask[4] = { 0x37, (char)0xfa, 0x21, 0x3d };

/* Appends a client's frame: our own head, plus the mask bit and a mask. */
static void add_frame(struct buf *out, enum ws_opcode op, struct str payload)
{
    char head[WS_HEAD_MAX];
    size_t n = ws_encode_head(head, op, payload.n);

    head[1] = (char)(head[1] | 0x80);
    buf_add(out, head, n);
    buf_add(out, mask, sizeof(mask));
    for (size_t i = 0; i < payload.n; i++)
        buf_add_char(out, (char)(payload.p[i] ^ mask[i % 4]));
}

/* The result of decoding a stream. The log holds complete messages and control frames: a letter
 * ("T" for text, "T~" if compressed, "P" for ping), the payload and ".". */
struct outcome {
    struct buf in, partial, log;
    struct ws_decoder decoder;
    int rc;
};

static void outcome_init(struct outcome *o)
{
    *o = (struct outcome){ 0 };
    ws_decoder_init(&o->decoder);
}

static void outcome_done(struct outcome *o)
{
    buf_done(&o->in);
    buf_done(&o->partial);
    buf_done(&o->log);
}

static void on_event(struct outcome *o, const struct ws_event *ev)
{
    static const char letters[] = "?TB?????CPp";

    if (ev->op & 0x8) {
        buf_addf(&o->log, "%c%.*s", letters[ev->op], STR_ARG(ev->payload));
        if (ev->op == WS_OP_CLOSE)
            buf_addf(&o->log, "(%d)", ev->close_code);
        buf_add_char(&o->log, '.');
        return;
    }
    buf_add_str(&o->partial, ev->payload);
    if (!ev->last)
        return;
    buf_add_char(&o->log, letters[ev->op]);
    if (ev->compressed)
        buf_add_char(&o->log, '~');
    buf_add_str(&o->log, buf_str(&o->partial));
    buf_add_char(&o->log, '.');
    buf_clear(&o->partial);
}

static void feed(struct outcome *o, struct str piece)
{
    struct ws_event ev;

    if (o->rc < 0)
        return;
    buf_add_str(&o->in, piece);
    while ((o->rc = ws_decode(&o->decoder, buf_head(&o->in), buf_used(&o->in), MESSAGE_MAX, &ev)) >
           0) {
        buf_consume(&o->in, (size_t)o->rc);
        on_event(o, &ev);
    }
}

static const struct {
    struct str frames;
    const char *log;
    int end; /* 0 or minus a close code */
} streams[] = {
    { { "", 0 }, "", 0 },
    { STR("\x81\x85" KEY "Hello"), "THello.", 0 },
    { STR("\x81\x80" KEY), "T.", 0 },
    { STR("\x81\x82" KEY "ab\x81\x81" KEY "c"), "Tab.Tc.", 0 },
    { STR("\x01\x83" KEY "Hel\x80\x82" KEY "lo"), "THello.", 0 },
    { STR("\x01\x80" KEY "\x00\x80" KEY "\x80\x80" KEY), "T.", 0 },
    { STR("\x01\x81" KEY "a\x89\x81" KEY "!\x00\x81" KEY "b\x80\x81" KEY "c"), "P!.Tabc.", 0 },
    { STR("\x89\x80" KEY "\x8a\x82" KEY "ok"), "P.pok.", 0 },
    { STR("\x88\x80" KEY), "C(1005).", 0 },
    { STR("\x88\x82" KEY "\x03\xe8"), "C(1000).", 0 },
    { STR("\x88\x85" KEY "\x0f\xa0"
          "bye"),
      "Cbye(4000).", 0 },
    { STR("\x01\x81" KEY "\xc3\x89\x80" KEY "\x80\x81" KEY "\xa9"), "P.T\xc3\xa9.", 0 },
    { STR("\x81\x85" KEY "Hell"), "", 0 },
    { STR("\x89\x85" KEY "Hell"), "", 0 },

    /* reserved bits and opcodes */
    { STR("\xc1\x80"), "", -1002 },
    { STR("\xa1\x80"), "", -1002 },
    { STR("\x91\x80"), "", -1002 },
    { STR("\x83\x80"), "", -1002 },
    { STR("\x87\x80"), "", -1002 },
    { STR("\x8b\x80"), "", -1002 },
    { STR("\x8f\x80"), "", -1002 },
    /* not masked */
    { STR("\x81\x05"), "", -1002 },
    { STR("\x89\x00"), "", -1002 },
    /* control frames: too long, fragmented */
    { STR("\x89\xfe"), "", -1002 },
    { STR("\x88\xff"), "", -1002 },
    { STR("\x09\x80"), "", -1002 },
    { STR("\x08\x80"), "", -1002 },
    /* a continuation without a start; a new message inside another */
    { STR("\x80\x80"), "", -1002 },
    { STR("\x00\x80"), "", -1002 },
    { STR("\x81\x81" KEY "a\x80\x80"), "Ta.", -1002 },
    { STR("\x01\x81" KEY "a\x81\x80"), "", -1002 },
    { STR("\x01\x81" KEY "a\x82\x80"), "", -1002 },
    /* lengths: not in the shortest form; with the top bit */
    { STR("\x81\xfe\x00\x7d" KEY), "", -1002 },
    { STR("\x81\xff\0\0\0\0\0\0\xff\xff" KEY), "", -1002 },
    { STR("\x81\xff\x80\0\0\0\0\x01\0\0" KEY), "", -1002 },
    /* binary */
    { STR("\x82\x80"), "", -1003 },
    { STR("\x02\x80"), "", -1003 },
    /* too large: 1 MiB + 1; 2^63 - 1; the sum of fragments */
    { STR("\x81\xff\0\0\0\0\0\x10\x00\x01" KEY), "", -1009 },
    { STR("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" KEY), "", -1009 },
    { STR("\x01\x81" KEY "a\x80\xff\0\0\0\0\0\x10\x00\x00" KEY), "", -1009 },
    { STR("\x01\x81" KEY "a\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff" KEY), "", -1009 },
    /* text that is not UTF-8 */
    { STR("\x81\x85" KEY "ab\xff"), "", -1007 },
    { STR("\x81\x85" KEY "\xed\xa0"), "", -1007 },
    { STR("\x81\x81" KEY "\xc3"), "", -1007 },
    { STR("\x01\x81" KEY "\xc3\x80\x80" KEY), "", -1007 },
    { STR("\x01\x81" KEY "\xc3\x80\x85" KEY "("), "", -1007 },
    { STR("\x81\x81" KEY "a\x81\x81" KEY "\xa9"), "Ta.", -1007 },
    /* Close */
    { STR("\x88\x81" KEY "\x03"), "", -1002 },
    { STR("\x88\x81" KEY "\x03\xe8"), "", -1002 }, /* the second byte is not part of the payload */
    { STR("\x88\x82" KEY "\x03\xe7"), "", -1002 },
    { STR("\x88\x82" KEY "\x03\xed"), "", -1002 },
    { STR("\x88\x82" KEY "\xff\xff"), "", -1002 },
    { STR("\x88\x83" KEY "\x03\xe8\xff"), "", -1007 },
    { STR("\x88\x83" KEY "\x03\xe8\xc3"), "", -1007 },
};

static void assert_outcome(struct outcome *o, size_t i, size_t cut)
{
    if (o->rc != streams[i].end || !str_eq(buf_str(&o->log), str_of(streams[i].log)))
        fail_msg("stream %zu cut at %zu: got %d '%.*s'", i, cut, o->rc, STR_ARG(buf_str(&o->log)));
}

static void decodes_streams_cut_anywhere(void **state)
{
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct str all = streams[i].frames;

        for (size_t cut = 0; cut <= all.n; cut++) {
            outcome_init(&o);
            feed(&o, str_make(all.p, cut));
            feed(&o, str_skip(all, cut));
            assert_outcome(&o, i, cut);
            outcome_done(&o);
        }
    }
}

static void decodes_streams_byte_by_byte(void **state)
{
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        outcome_init(&o);
        for (size_t at = 0; at < streams[i].frames.n; at++) {
            feed(&o, str_make(streams[i].frames.p + at, 1));
            assert_true(buf_used(&o.in) < WS_PARTIAL_MAX);
        }
        assert_outcome(&o, i, 1);
        outcome_done(&o);
    }
}

/* Binary messages may hold any bytes, also in fragments; text must still be UTF-8. */
static void accepts_binary_when_enabled(void **state)
{
    struct str frames = STR("\x02\x81" KEY "\xff\x89\x80" KEY "\x80\x81" KEY "\xc3\x82\x80" KEY
                            "\x81\x81" KEY "a\x82\x81" KEY "b\x81\x81" KEY "\xc3");
    struct outcome o;

    (void)state;
    for (size_t cut = 0; cut <= frames.n; cut++) {
        outcome_init(&o);
        o.decoder.binary = true;
        feed(&o, str_make(frames.p, cut));
        feed(&o, str_skip(frames, cut));
        assert_int_equal(o.rc, -WS_CLOSE_BAD_DATA);
        assert_true(str_eq(buf_str(&o.log), STR("P.B\xff\xc3.B.Ta.Bb.")));
        outcome_done(&o);
    }
}

/* RFC 7692 6: only the first frame of a message has the bit. Compressed payload is not checked as
 * text. */
static void accepts_compressed_messages_when_negotiated(void **state)
{
    static const struct {
        struct str frames;
        const char *log;
        int end;
    } cases[] = {
        { STR("\xc1\x82" KEY "\xff\xc3"), "T~\xff\xc3.", 0 },
        { STR("\xc1\x80" KEY "\x81\x81" KEY "a"), "T~.Ta.", 0 },
        { STR("\x41\x81" KEY "\xc3\x89\x80" KEY "\x00\x80" KEY "\x80\x81" KEY "b"),
          "P.T~\xc3"
          "b.",
          0 },
        { STR("\xc1\x81" KEY "a\x81\x81" KEY "\xc3"), "T~a.", -1007 },
        { STR("\x41\x81" KEY "a\x80\x81" KEY "b\xc1\x81" KEY "c"), "T~ab.T~c.", 0 },
        { STR("\x41\x81" KEY "a\xc0\x80"), "", -1002 },
        { STR("\x01\x81" KEY "a\xc0\x80"), "", -1002 },
        { STR("\xc0\x80"), "", -1002 },
        { STR("\x41\x81" KEY "a\xc1\x80"), "", -1002 },
        { STR("\xc8\x80"), "", -1002 },
        { STR("\xc9\x80"), "", -1002 },
        { STR("\xca\x80"), "", -1002 },
        { STR("\xe1\x80"), "", -1002 },
        { STR("\xd1\x80"), "", -1002 },
        { STR("\xa1\x80"), "", -1002 },
        { STR("\xc2\x80"), "", -1003 },
        { STR("\xc1\xff\0\0\0\0\0\x10\x00\x01" KEY), "", -1009 },
    };
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].frames.n; cut++) {
            outcome_init(&o);
            o.decoder.deflate = true;
            feed(&o, str_make(cases[i].frames.p, cut));
            feed(&o, str_skip(cases[i].frames, cut));
            if (o.rc != cases[i].end || !str_eq(buf_str(&o.log), str_of(cases[i].log)))
                fail_msg("case %zu: got %d '%.*s'", i, o.rc, STR_ARG(buf_str(&o.log)));
            outcome_done(&o);
        }
    }
}

/* The frames of a server are not masked; all else is as it is from a client. */
static void reads_the_frames_of_a_server_as_a_client(void **state)
{
    static const struct {
        struct str frames;
        const char *log;
        int end;
    } cases[] = {
        { STR("\x81\x05Hello"), "THello.", 0 },
        { STR("\x81\x00\x89\x00\x8a\x02ok"), "T.P.pok.", 0 },
        { STR("\x01\x03Hel\x89\x01!\x80\x02lo"), "P!.THello.", 0 },
        { STR("\x81\x7e\x00\x80"
              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\x89\x00"),
          "T0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.P.",
          0 },
        { STR("\x88\x05\x03\xe9"
              "bye"),
          "Cbye(1001).", 0 },
        { STR("\x81\x05Hell"), "", 0 },
        { STR("\x81\x85"), "", -1002 },
        { STR("\x81\x01"
              "a\x89\x80"),
          "Ta.", -1002 },
        { STR("\x88\x80"), "", -1002 },
        { STR("\xc1\x00"), "", -1002 },
        { STR("\x82\x00"), "", -1003 },
        { STR("\x81\x7e\x00\x7d"), "", -1002 },
        { STR("\x81\x7f\0\0\0\0\0\x10\x00\x01"), "", -1009 },
        { STR("\x81\x02\xc3("), "", -1007 },
        { STR("\x88\x01\x03"), "", -1002 },
    };
    struct outcome o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].frames.n; cut++) {
            outcome_init(&o);
            o.decoder.is_client = true;
            feed(&o, str_make(cases[i].frames.p, cut));
            feed(&o, str_skip(cases[i].frames, cut));
            if (o.rc != cases[i].end || !str_eq(buf_str(&o.log), str_of(cases[i].log)))
                fail_msg("case %zu cut at %zu: got %d '%.*s'", i, cut, o.rc,
                         STR_ARG(buf_str(&o.log)));
            outcome_done(&o);
        }
    }
}

/* RFC 6455 5.7 */
static void unmasks_the_example_of_rfc_6455(void **state)
{
    char frame[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    struct ws_decoder d;
    struct ws_event ev;

    (void)state;
    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, frame, sizeof(frame) - 1, MESSAGE_MAX, &ev), sizeof(frame) - 1);
    assert_int_equal(ev.op, WS_OP_TEXT);
    assert_true(str_eq(ev.payload, STR("Hello")) && ev.last);
    assert_ptr_equal(ev.payload.p, frame + 6);
    assert_true(ws_decoder_is_idle(&d));
}

/* Tries every length around the unmasking width, cut at every byte. */
static void unmasks_payloads_of_any_length(void **state)
{
    static const char text[] = "The quick brown fox jumps over it.";
    struct outcome o;

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        struct buf frame = { 0 };

        add_frame(&frame, WS_OP_TEXT, str_make(text, n));
        for (size_t cut = 0; cut <= buf_used(&frame); cut++) {
            outcome_init(&o);
            feed(&o, str_make(buf_head(&frame), cut));
            feed(&o, str_skip(buf_str(&frame), cut));
            assert_int_equal(buf_used(&o.log), n + 2);
            assert_memory_equal(buf_head(&o.log) + 1, text, n);
            outcome_done(&o);
        }
        buf_done(&frame);
    }
}

static void encodes_and_decodes_every_form_of_length(void **state)
{
    static const struct {
        size_t n, head;
    } sizes[] = {
        { 0, 2 },   { 1, 2 },     { 125, 2 },    { 126, 4 },
        { 127, 4 }, { 65535, 4 }, { 65536, 10 }, { MESSAGE_MAX, 10 },
    };
    char head[WS_HEAD_MAX];
    char *text = calloc(1, MESSAGE_MAX);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf frame = { 0 };
        struct outcome o;

        assert_int_equal(ws_encode_head(head, WS_OP_TEXT, sizes[i].n), sizes[i].head);
        add_frame(&frame, WS_OP_TEXT, str_make(text, sizes[i].n));
        outcome_init(&o);
        feed(&o, buf_str(&frame));
        assert_int_equal(o.rc, 0);
        assert_int_equal(buf_used(&o.log), sizes[i].n + 2);
        outcome_done(&o);
        buf_done(&frame);
    }
    free(text);
}

static void refuses_a_large_frame_by_its_head(void **state)
{
    char fits[] = "\x81\x8a" KEY, too_big[] = "\x81\x8b" KEY;
    struct ws_decoder d;
    struct ws_event ev;

    (void)state;
    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, fits, 6, 10, &ev), 6);
    assert_true(ev.payload.n == 0 && !ev.last);
    assert_false(ws_decoder_is_idle(&d));
    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, too_big, 6, 10, &ev), -WS_CLOSE_TOO_BIG);
}

static void adds_up_the_sizes_of_fragments(void **state)
{
    char frames[] = "\x01\x82" KEY "ab\x00\x82" KEY "cd\x80\x82" KEY "ef";
    struct ws_decoder d;
    struct ws_event ev;

    (void)state;
    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, frames, 24, 5, &ev), 8);
    assert_int_equal(ws_decode(&d, frames + 8, 16, 5, &ev), 8);
    assert_int_equal(ws_decode(&d, frames + 16, 8, 5, &ev), -WS_CLOSE_TOO_BIG);
}

static void counts_each_message_on_its_own(void **state)
{
    char frames[] = "\x81\x83" KEY "abc\x81\x83" KEY "def";
    struct ws_decoder d;
    struct ws_event ev;

    (void)state;
    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, frames, 18, 3, &ev), 9);
    assert_int_equal(ws_decode(&d, frames + 9, 9, 3, &ev), 9);
    assert_true(str_eq(ev.payload, STR("def")));
}

static void is_idle_only_between_messages(void **state)
{
    char first[] = "\x01\x81" KEY "a", rest[] = "\x80\x81" KEY "b";
    struct ws_decoder d;
    struct ws_event ev;

    (void)state;
    ws_decoder_init(&d);
    assert_true(ws_decoder_is_idle(&d));
    assert_int_equal(ws_decode(&d, first, 7, MESSAGE_MAX, &ev), 7);
    assert_false(ws_decoder_is_idle(&d));
    assert_int_equal(ws_decode(&d, rest, 7, MESSAGE_MAX, &ev), 7);
    assert_true(ws_decoder_is_idle(&d));
    assert_int_equal(sizeof(d), 32);
}

static void accepts_only_valid_close_codes(void **state)
{
    static const struct {
        int from, to;
        bool want;
    } ranges[] = {
        { 0, 999, false },     { 1000, 1003, true }, { 1004, 1006, false },  { 1007, 1014, true },
        { 1015, 2999, false }, { 3000, 4999, true }, { 5000, 65535, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        for (int code = ranges[i].from; code <= ranges[i].to; code++) {
            if (ws_close_code_is_valid(code) != ranges[i].want)
                fail_msg("wrong result for %d", code);
        }
    }
}

static void encodes_close_frames(void **state)
{
    char out[2 + WS_CONTROL_MAX], reason[200];

    (void)state;
    assert_int_equal(ws_encode_close(out, WS_CLOSE_NONE, STR("unused")), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(ws_encode_close(out, 1001, (struct str){ NULL, 0 }), 4);
    assert_memory_equal(out, "\x88\x02\x03\xe9", 4);
    assert_int_equal(ws_encode_close(out, 1013, STR("slow")), 8);
    assert_memory_equal(out, "\x88\x06\x03\xf5slow", 8);
    memset(reason, 'r', sizeof(reason));
    assert_int_equal(ws_encode_close(out, 1008, str_make(reason, 123)), sizeof(out));
    assert_int_equal(ws_encode_close(out, 1008, str_make(reason, 124)), sizeof(out));
    assert_int_equal(out[1], WS_CONTROL_MAX);
    memcpy(reason + 121, "\xe2\x82\xac", 3); /* its last byte would not fit */
    assert_int_equal(ws_encode_close(out, 1008, str_make(reason, 124)), sizeof(out) - 2);
    assert_int_equal(out[1], WS_CONTROL_MAX - 2);
}

static void accepts_only_valid_keys(void **state)
{
    static const struct {
        const char *key;
        bool want;
    } keys[] = {
        { "dGhlIHNhbXBsZSBub25jZQ==", true },
        { "+/+/+/+/+/+/+/+/+/+/+A==", true },
        { "", false },
        { "dGhlIHNhbXBsZSBub25jZQ=", false },
        { "dGhlIHNhbXBsZSBub25jZQ===", false },
        { "dGhlIHNhbXBsZSBub25jZQA=", false },
        { "dGhlIHNhbXBsZSBub25jZQAA", false },
        { "dGhlIHNhbXBsZSBub25jZ===", false },
        { "dGhlIHNhbXBsZSBub25j-Q==", false },
        { " GhlIHNhbXBsZSBub25jZQ==", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (ws_key_is_valid(str_of(keys[i].key)) != keys[i].want)
            fail_msg("wrong result for '%s'", keys[i].key);
    }
}

/* RFC 6455 1.3 */
static void computes_the_accept_value(void **state)
{
    char out[WS_ACCEPT_LEN + 1];

    (void)state;
    ws_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_streams_cut_anywhere),
        cmocka_unit_test(decodes_streams_byte_by_byte),
        cmocka_unit_test(accepts_binary_when_enabled),
        cmocka_unit_test(accepts_compressed_messages_when_negotiated),
        cmocka_unit_test(reads_the_frames_of_a_server_as_a_client),
        cmocka_unit_test(unmasks_the_example_of_rfc_6455),
        cmocka_unit_test(unmasks_payloads_of_any_length),
        cmocka_unit_test(encodes_and_decodes_every_form_of_length),
        cmocka_unit_test(refuses_a_large_frame_by_its_head),
        cmocka_unit_test(adds_up_the_sizes_of_fragments),
        cmocka_unit_test(counts_each_message_on_its_own),
        cmocka_unit_test(is_idle_only_between_messages),
        cmocka_unit_test(accepts_only_valid_close_codes),
        cmocka_unit_test(encodes_close_frames),
        cmocka_unit_test(accepts_only_valid_keys),
        cmocka_unit_test(computes_the_accept_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
