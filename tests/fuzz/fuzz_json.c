/* Properties: json_read_string reads and refuses the same strings as jansson. json_read_string_lossy
 * reads them alike, and others only if they have half of a surrogate pair; it gives valid UTF-8. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_lossy(struct str in, struct str strict, bool is_strict)
{
    struct buf out = { 0 };
    bool has_half;
    int used = json_read_string_lossy(in, &out, &has_half);

    if (used > 0 && (has_half == is_strict || !utf8_is_valid(buf_str(&out))))
        abort();
    if (is_strict && (used < 0 || !str_eq(buf_str(&out), strict)))
        abort();
    buf_done(&out);
}

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
    check_lossy(in, buf_str(&out), used > 0);
    json_decref(want);
    buf_done(&out);
    return 0;
}
