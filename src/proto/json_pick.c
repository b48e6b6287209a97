#include "proto/json_pick.h"

#include "base/buf.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/utf8.h"

/* A member of the object, while its value is read. */
struct member {
    struct str name; /* with its quotes */
    const char *value;
};

/* Fills in the pick with the member's name, if any. A name that cannot be decoded has half a
 * surrogate pair, so it is not one of ours. */
static void pick(struct json_pick *picks, size_t n, const struct member *m, const char *end)
{
    struct buf name = { 0 };

    if (json_read_string(m->name, &name) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (!str_eq(buf_str(&name), str_of(picks[i].name)))
                continue;
            picks[i].value = str_make(m->value, (size_t)(end - m->value));
            picks[i].count++;
        }
    }
    buf_done(&name);
}

/* Reads the members of the object that the reader has just opened. */
static bool pick_members(struct json_reader *r, struct json_pick *picks, size_t n)
{
    struct member m = { .value = NULL };
    struct json_token t;

    while (json_reader_next(r, &t) == EH_OK) {
        if (t.kind == JSON_TOKEN_END)
            return true;
        if (t.kind == JSON_TOKEN_OPEN && t.depth > JSON_PICK_DEPTH)
            return false;
        if (t.depth != 1)
            continue;
        if (t.kind == JSON_TOKEN_NAME)
            m.name = t.text;
        else if (t.kind != JSON_TOKEN_CLOSE)
            m.value = t.text.p;
        if (t.kind != JSON_TOKEN_NAME && t.kind != JSON_TOKEN_OPEN)
            pick(picks, n, &m, t.text.p + t.text.n);
    }
    return false;
}

bool json_pick(struct str text, struct json_pick *picks, size_t n)
{
    struct json_reader r;
    struct json_token t;
    bool is_object;

    for (size_t i = 0; i < n; i++)
        picks[i] = (struct json_pick){ .name = picks[i].name };
    if (!utf8_is_valid(text))
        return false;
    json_reader_init(&r, text);
    is_object =
        json_reader_next(&r, &t) == EH_OK && t.text.p[0] == '{' && pick_members(&r, picks, n);
    json_reader_done(&r);
    return is_object;
}
