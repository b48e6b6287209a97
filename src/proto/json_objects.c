#include "proto/json_objects.h"

#include "proto/json_reader.h"
#include "proto/utf8.h"

struct split {
    struct str *items;
    size_t n, max;
};

/* Takes the array's own brackets, and the end. */
static enum json_objects take_outside(const struct json_token *t)
{
    bool is_bracket = t->kind == JSON_TOKEN_OPEN || t->kind == JSON_TOKEN_CLOSE;

    if (t->kind == JSON_TOKEN_END || (is_bracket && (t->text.p[0] == '[' || t->text.p[0] == ']')))
        return JSON_OBJECTS_OK;
    return JSON_OBJECTS_NOT_ARRAY;
}

/* Takes a bracket of an object, or a token in it. */
static enum json_objects take_inside(struct split *s, const struct json_token *t)
{
    bool is_bracket = t->kind == JSON_TOKEN_OPEN || t->kind == JSON_TOKEN_CLOSE;

    if (t->depth > 1 && !is_bracket)
        return JSON_OBJECTS_OK;
    if (t->depth > 1 || !is_bracket || t->text.p[0] == '[')
        return JSON_OBJECTS_NOT_FLAT;
    if (t->kind == JSON_TOKEN_CLOSE) {
        struct str *item = &s->items[s->n++];

        *item = str_make(item->p, (size_t)(t->text.p + 1 - item->p));
        return JSON_OBJECTS_OK;
    }
    if (s->n == s->max)
        return JSON_OBJECTS_TOO_MANY;
    s->items[s->n].p = t->text.p;
    return JSON_OBJECTS_OK;
}

enum json_objects json_objects_split(struct str text, struct str *items, size_t max, size_t *ret_n)
{
    struct split s = { .items = items, .max = max };
    enum json_objects rc = JSON_OBJECTS_OK;
    struct json_reader reader;
    struct json_token token;

    if (!utf8_is_valid(text))
        return JSON_OBJECTS_NOT_UTF8;
    json_reader_init(&reader, text);
    do {
        if (json_reader_next(&reader, &token) < 0)
            rc = JSON_OBJECTS_NOT_ARRAY;
        else
            rc = token.depth > 0 ? take_inside(&s, &token) : take_outside(&token);
    } while (rc == JSON_OBJECTS_OK && token.kind != JSON_TOKEN_END);
    json_reader_done(&reader);
    *ret_n = s.n;
    return rc;
}
