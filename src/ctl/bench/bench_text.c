#include "ctl/bench/bench_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define KEY "\"message\":\""
/* Hex digits of the numbers; a space follows each. */
#define WIDE   16 /* the run, the number of the message, the time */
#define NARROW 4  /* the publisher */
#define HEAD   (3 * (WIDE + 1) + NARROW + 1)

_Static_assert(HEAD <= BENCH_TEXT_MIN, "the head fits into the shortest message");

void bench_text_init(struct bench_text *t, uint64_t run, size_t size)
{
    assert(size >= BENCH_TEXT_MIN);
    t->run = run;
    t->size = size;
    t->begin_n = (size_t)snprintf(t->begin, sizeof(t->begin), KEY "%016" PRIx64 " ", run);
}

void bench_text_write(const struct bench_text *t, const struct bench_mark *m, char *out)
{
    char head[HEAD + 1];

    assert(m->pub < BENCH_PUBS_MAX);
    (void)snprintf(head, sizeof(head), "%016" PRIx64 " %04x %016" PRIx64 " %016" PRIx64 " ", t->run,
                   m->pub, m->number, m->sent_us);
    memcpy(out, head, HEAD);
    memset(out + HEAD, 'x', t->size - HEAD);
}

/* Reads a number and the space after it, and steps over them. */
static bool take_number(const char **p, int digits, uint64_t *ret)
{
    uint64_t v = 0;

    for (int i = 0; i < digits; i++) {
        const char c = *(*p)++;

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return *(*p)++ == ' ';
}

bool bench_text_read(const struct bench_text *t, struct str json, struct bench_mark *ret)
{
    const size_t length = sizeof(KEY) - 1 + t->size; /* up to the quote at the end */
    const char *p = json.n ? memmem(json.p, json.n, t->begin, t->begin_n) : NULL;
    uint64_t pub, number, sent_us;

    if (!p || (size_t)(json.p + json.n - p) <= length || p[length] != '"')
        return false;
    p += t->begin_n;
    if (!take_number(&p, NARROW, &pub) || !take_number(&p, WIDE, &number) ||
        !take_number(&p, WIDE, &sent_us))
        return false;
    *ret = (struct bench_mark){ .pub = (uint32_t)pub, .number = number, .sent_us = sent_us };
    return true;
}
