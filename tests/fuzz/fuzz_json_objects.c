/* Properties: an array that is split is JSON, and its items are the elements that jansson finds, if
 * jansson accepts the text. jansson 2.14 passes over a byte 0 behind a number or a word, which is not
 * JSON: such texts need not be split. */
#include "proto/json_objects.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX   8
#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_item(struct str item, const json_t *want)
{
    json_t *got = json_loadb(item.p, item.n, FLAGS, NULL);

    if (!json_is_object(got) || !json_equal(got, want))
        abort();
    json_decref(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str text = { (const char *)p, n }, items[MAX];
    size_t n_items = 0;
    enum json_objects rc = json_objects_split(text, items, MAX, &n_items);
    json_t *tree = json_loadb(text.p, text.n, FLAGS, NULL);

    if (rc == JSON_OBJECTS_OK && tree) {
        if (!json_is_array(tree) || json_array_size(tree) != n_items)
            abort();
        for (size_t i = 0; i < n_items; i++)
            check_item(items[i], json_array_get(tree, i));
    } else if (tree && !memchr(p, 0, n) &&
               (rc == JSON_OBJECTS_NOT_UTF8 ||
                (rc == JSON_OBJECTS_NOT_ARRAY) == json_is_array(tree))) {
        abort();
    }
    json_decref(tree);
    return 0;
}
