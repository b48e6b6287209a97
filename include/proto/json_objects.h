/* json_objects.h - splits a JSON array of flat objects into the texts of the objects, without
 * building a tree: the tree of a megabyte of brackets would take a hundred megabytes.
 * Thread:  any; pure.
 * Borrows: the items are views of the text.
 */
#ifndef EH_PROTO_JSON_OBJECTS_H
#define EH_PROTO_JSON_OBJECTS_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum json_objects {
    JSON_OBJECTS_OK,
    JSON_OBJECTS_NOT_UTF8,
    JSON_OBJECTS_NOT_ARRAY, /* not JSON, or another value */
    JSON_OBJECTS_NOT_FLAT,  /* an element is not an object, or has an array or object in it */
    JSON_OBJECTS_TOO_MANY,
};

/* Splits the array into at most `max` items. Stops at the first fault, and *ret_n then has no
 * meaning. The values in an object may be beyond what jansson can represent. */
enum json_objects json_objects_split(struct str text, struct str *items, size_t max,
                                     size_t *ret_n) EH_MUST_USE;

#endif
