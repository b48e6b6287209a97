/* json_reader.h - reads JSON text token by token, without building a tree.
 * Why:     jansson refuses a whole text if its tree cannot hold some part: a number beyond 64 bits
 *          or a double, half of a surrogate pair, a repeated name or one with U+0000, deep nesting.
 *          The reader accepts all of these, and nothing that RFC 8259 forbids.
 * Thread:  any; pure.
 * Owns:    a byte for each array and object that is open.
 * Borrows: the text, which must be valid UTF-8; the tokens are views of it.
 * Bounds:  one pass, whatever the nesting.
 */
#ifndef EH_PROTO_JSON_READER_H
#define EH_PROTO_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json_reader {
    struct str rest; /* the text that has not been read */
    size_t depth;    /* how many arrays and objects are open */
    struct buf open; /* their first characters, outermost first; bytes beyond depth are old */
    int expects;     /* what may come next */
};

enum json_token_kind {
    JSON_TOKEN_END, /* of the text */
    JSON_TOKEN_OPEN,
    JSON_TOKEN_CLOSE,
    JSON_TOKEN_NAME, /* of a member; its colon is read with it */
    JSON_TOKEN_STRING,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_WORD, /* true, false or null */
};

struct json_token {
    enum json_token_kind kind;
    struct str text; /* a bracket, a string with its quotes, a number or a word */
    size_t depth;    /* how many arrays and objects it is in; a bracket is not in its own */
    bool has_half;   /* string or name: it has half of a surrogate pair */
};

void json_reader_init(struct json_reader *r, struct str text);
void json_reader_done(struct json_reader *r);

/* Reads the next token. EH_EINVAL: the text is not JSON, and only json_reader_done may follow. The
 * text is known to be JSON when JSON_TOKEN_END comes. */
int json_reader_next(struct json_reader *r, struct json_token *ret) EH_MUST_USE;

#endif
