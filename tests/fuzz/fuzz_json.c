/* Property: json_read_string reads and refuses the same strings as jansson. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Skips malformed UTF-8, which jansson refuses and which our callers refuse before they read. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str in = { (const char *)p, n };
    struct buf out = { 0 };
    json_error_t at;
    json_t *want;
    int used;

    if (!utf8_is_valid(in) || n == 0 || p[0] != '"')
        return 0;
    want = json_loadb(in.p, in.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &at);
    used = json_read_string(in, &out);
    if ((used > 0) != (want != NULL))
        abort();
    if (want && (used != at.position || !str_eq(buf_str(&out), str_make(json_string_value(want),
                                                                        json_string_length(want)))))
        abort();
    json_decref(want);
    buf_done(&out);
    return 0;
}
