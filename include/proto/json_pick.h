/* json_pick.h - finds members of a JSON object by name and checks the syntax of the others.
 * Thread:  any; pure.
 * Why:     jansson refuses a whole text if it cannot represent some part: a number beyond 64 bits
 *          or a double, a name with U+0000, half of a surrogate pair. Here such values are skipped;
 *          only the values that were asked for must be representable.
 * Borrows: the values are views of the text.
 * Bounds:  a value is nested at most JSON_PICK_DEPTH deep.
 */
#ifndef EH_PROTO_JSON_PICK_H
#define EH_PROTO_JSON_PICK_H

#include <stdbool.h>

#include "base/str.h"

#define JSON_PICK_DEPTH 2048 /* as in jansson */

struct json_pick {
    const char *name;
    struct str value; /* the text of the last member with that name; {NULL, 0}: there is none */
    size_t count;     /* members with that name */
};

/* Reads the object and fills in value and count of each pick. Names are compared after their
 * escapes are decoded. False: the text is not one JSON object in valid UTF-8, or it is nested too
 * deeply; the picks are then meaningless. */
bool json_pick(struct str text, struct json_pick *picks, size_t n);

#endif
