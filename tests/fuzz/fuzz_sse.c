/* Property: whatever a message contains, a reader of event streams (WHATWG HTML, 9.2.6) finds
 * one event with our id, with our name or none, and with exactly the lines of the message. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/sse.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct str id = { "1574843571767-0", 15 };
static const struct str topic = { "a/b", 3 };

struct reader {
    struct buf data; /* of the event under way */
    struct buf last; /* data of the last event dispatched */
    struct str last_id;
    unsigned n_events;
    struct str name; /* of the last event that has one */
    bool has_other;
};

static void dispatch(struct reader *r)
{
    if (buf_used(&r->data) == 0)
        return; /* only an id, or comments */
    r->n_events++;
    buf_clear(&r->last);
    buf_add(&r->last, buf_head(&r->data), buf_used(&r->data) - 1);
    buf_clear(&r->data);
}

static void take_field(struct reader *r, struct str line)
{
    struct str name, value = line;

    (void)str_cut(&value, ':', &name);
    if (value.n && value.p[0] == ' ')
        value = str_skip(value, 1);
    if (str_eq(name, STR("data"))) {
        buf_add_str(&r->data, value);
        buf_add_char(&r->data, '\n');
    } else if (str_eq(name, STR("id"))) {
        r->last_id = value;
    } else if (str_eq(name, STR("event"))) {
        r->name = value;
    } else if (name.n) {
        r->has_other = true; /* retry or an unknown field: we send none of them */
    }
}

/* Returns the end of the line at the start of s, and where the next line begins. */
static size_t find_end(struct str s, size_t *ret_next)
{
    size_t end = 0;

    while (end < s.n && s.p[end] != '\r' && s.p[end] != '\n')
        end++;
    *ret_next = end;
    if (end < s.n)
        *ret_next += end + 1 < s.n && s.p[end] == '\r' && s.p[end + 1] == '\n' ? 2 : 1;
    return end;
}

static void read_stream(struct reader *r, struct str s)
{
    while (s.n) {
        size_t next, end = find_end(s, &next);

        if (end == 0)
            dispatch(r);
        else
            take_field(r, str_make(s.p, end));
        s = str_skip(s, next);
    }
}

/* Appends the text with LF as every line end. */
static void normalize(struct str s, struct buf *out)
{
    while (s.n) {
        size_t next, end = find_end(s, &next);

        buf_add(out, s.p, end);
        if (next > end)
            buf_add_char(out, '\n');
        s = str_skip(s, next);
    }
}

static void check_event(struct str message, struct str name)
{
    struct buf stream = { 0 }, want = { 0 };
    struct reader r = { 0 };

    buf_add_str(&stream, STR(SSE_OK));
    if (name.n)
        sse_add_name(&stream, name);
    sse_add_event(&stream, id, message);
    buf_add_str(&stream, STR(SSE_PING));
    read_stream(&r, buf_str(&stream));
    normalize(message, &want);
    if (r.n_events != 1 || r.has_other || !str_eq(r.name, name) || buf_used(&r.data) ||
        !str_eq(r.last_id, id) || !str_eq(buf_str(&r.last), buf_str(&want)))
        abort();
    buf_done(&r.data);
    buf_done(&r.last);
    buf_done(&stream);
    buf_done(&want);
}

/* Checks that a message survives the way from its publisher: into JSON and out again. */
static void check_json(struct str message)
{
    struct buf json = { 0 }, text = { 0 };

    json_add_string(&json, message);
    if (json_read_string(buf_str(&json), &text) != (int)buf_used(&json) ||
        !str_eq(buf_str(&text), message))
        abort();
    buf_done(&json);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str message = { (const char *)p, n };

    check_event(message, STR(""));
    check_event(message, topic);
    if (utf8_is_valid(message))
        check_json(message);
    return 0;
}
