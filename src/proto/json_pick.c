#include "proto/json_pick.h"

#include "base/array.h"
#include "base/buf.h"
#include "proto/json.h"
#include "proto/utf8.h"

static void skip_blanks(struct str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t' || s->p[0] == '\n' || s->p[0] == '\r'))
        *s = str_skip(*s, 1);
}

/* Takes the character if the text starts with it. */
static bool take(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

/* The same for one of JSON's six structural characters, which may have blanks around it. */
static bool take_mark(struct str *s, char c)
{
    skip_blanks(s);
    if (!take(s, c))
        return false;
    skip_blanks(s);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Skips what follows the backslash of an escape. A surrogate need not be half of a pair: RFC 8259
 * permits that (8.2), although no text has such a character. */
static bool skip_escape(struct str *s)
{
    if (!take(s, 'u')) {
        if (s->n == 0 || !memchr("\"\\/bfnrt", s->p[0], 8))
            return false;
        *s = str_skip(*s, 1);
        return true;
    }
    for (size_t i = 0; i < 4; i++) {
        if (i == s->n || !is_hex(s->p[i]))
            return false;
    }
    *s = str_skip(*s, 4);
    return true;
}

static bool skip_string(struct str *s)
{
    if (!take(s, '"'))
        return false;
    while (s->n && s->p[0] != '"') {
        if ((unsigned char)s->p[0] < 0x20)
            return false;
        if (take(s, '\\')) {
            if (!skip_escape(s))
                return false;
        } else {
            *s = str_skip(*s, 1);
        }
    }
    return take(s, '"');
}

static bool skip_digits(struct str *s)
{
    size_t before = s->n;

    while (s->n && is_digit(s->p[0]))
        *s = str_skip(*s, 1);
    return s->n < before;
}

static bool skip_number(struct str *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !skip_digits(s))
        return false;
    if (take(s, '.') && !skip_digits(s))
        return false;
    if (!take(s, 'e') && !take(s, 'E'))
        return true;
    if (!take(s, '-'))
        (void)take(s, '+');
    return skip_digits(s);
}

static bool skip_scalar(struct str *s)
{
    static const struct str names[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };

    if (s->n && s->p[0] == '"')
        return skip_string(s);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_starts_with(*s, names[i])) {
            *s = str_skip(*s, names[i].n);
            return true;
        }
    }
    return skip_number(s);
}

/* Skips a member's name and the colon. */
static bool skip_name(struct str *s)
{
    return skip_string(s) && take_mark(s, ':');
}

/* Each turn of the loop begins at a value, and goes on to the next one in the same array or object,
 * or to the end of the outermost. `closers` has what ends each of those that are open. */
static bool skip_value(struct str *s)
{
    char closers[JSON_PICK_DEPTH];
    size_t depth = 0;

    for (;;) {
        bool opens_object = s->n && s->p[0] == '{';

        if (opens_object || (s->n && s->p[0] == '[')) {
            if (depth == JSON_PICK_DEPTH)
                return false;
            (void)take_mark(s, s->p[0]);
            closers[depth++] = opens_object ? '}' : ']';
            if (s->n == 0 || s->p[0] != closers[depth - 1]) { /* it is not empty */
                if (opens_object && !skip_name(s))
                    return false;
                continue;
            }
        } else if (!skip_scalar(s)) {
            return false;
        }
        while (depth && take_mark(s, closers[depth - 1]))
            depth--;
        if (depth == 0)
            return true;
        if (!take_mark(s, ',') || (closers[depth - 1] == '}' && !skip_name(s)))
            return false;
    }
}

/* Returns the part of `before` that has been skipped since. */
static struct str skipped(struct str before, struct str now)
{
    return str_make(before.p, before.n - now.n);
}

/* A name that cannot be decoded has half a surrogate pair, so it is none of ours. */
static void pick(struct json_pick *picks, size_t n, struct str quoted_name, struct str value)
{
    struct buf name = { 0 };

    if (json_read_string(quoted_name, &name) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (!str_eq(buf_str(&name), str_of(picks[i].name)))
                continue;
            picks[i].value = value;
            picks[i].count++;
        }
    }
    buf_done(&name);
}

bool json_pick(struct str text, struct json_pick *picks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        picks[i] = (struct json_pick){ .name = picks[i].name };
    if (!utf8_is_valid(text) || !take_mark(&text, '{'))
        return false;
    if (take_mark(&text, '}'))
        return text.n == 0;
    do {
        struct str name = text, value;

        if (!skip_string(&text))
            return false;
        name = skipped(name, text);
        if (!take_mark(&text, ':'))
            return false;
        value = text;
        if (!skip_value(&text))
            return false;
        pick(picks, n, name, skipped(value, text));
    } while (take_mark(&text, ','));
    return take_mark(&text, '}') && text.n == 0;
}
