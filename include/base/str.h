/* str.h - a view of text: a pointer and a length.
 * A view owns nothing, has no terminator and may hold NUL bytes. It is valid for as long as the
 * bytes that it points to.
 */
#ifndef EH_BASE_STR_H
#define EH_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_ARG(s)   (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_make(const char *p, size_t n)
{
    return (struct str){ p, n };
}

static inline struct str str_of(const char *z)
{
    return (struct str){ z, strlen(z) };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Compares byte by byte. Returns < 0 if a comes before b, 0 if they are equal, otherwise > 0. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int by_bytes = n ? memcmp(a.p, b.p, n) : 0;

    return by_bytes ? by_bytes : (a.n > b.n) - (a.n < b.n);
}

/* Returns the rest of s after its first n bytes; n <= s.n. */
static inline struct str str_skip(struct str s, size_t n)
{
    return (struct str){ s.p + n, s.n - n };
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only, in every locale */
bool str_starts_with_nocase(struct str s, struct str prefix);
bool str_consists_of(struct str s, const bool chars[256]); /* only of these bytes */
struct str str_trim(struct str s);                         /* drops spaces and tabs at both ends */

/* Splits s at the first sep: *ret_head becomes the text before it, *s the text after it. Without a
 * sep the head is all of s, and *s becomes {NULL, 0}. False if *s was {NULL, 0}. */
bool str_cut(struct str *s, char sep, struct str *ret_head);

/* Copies the text that fits into `size` bytes with its NUL. Bytes that are not printable ASCII
 * become '?'. `from` may be `to`. */
void str_copy_printable(char *to, size_t size, const char *from);

#define STR_U64 20 /* digits of the largest uint64_t */

size_t str_format_u64(uint64_t v, char *out); /* decimal, no NUL; returns the length */
/* Parses one or more decimal digits. EH_EINVAL: anything else; EH_ELIMIT: out of range. */
int str_parse_u64(struct str s, uint64_t *ret) EH_MUST_USE;
/* The same with an optional suffix k, m or g, in either case: 1k is 1024. */
int str_parse_size(struct str s, uint64_t *ret) EH_MUST_USE;
/* The digits with an optional '-'. */
int str_parse_i64(struct str s, int64_t *ret) EH_MUST_USE;

#endif
