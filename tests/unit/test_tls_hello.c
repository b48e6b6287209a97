/* test_tls_hello.c - limits the size of a ClientHello, wherever the network cuts it. */
#include "net/tls_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *what;
    const char *p;
    size_t n;
    bool fits;
} cases[] = {
    { "nothing", BYTES(""), true },
    { "a small hello", BYTES("\x16\x03\x01\x00\x06\x01\x00\x00\x02hi"), true },
    { "the largest hello", BYTES("\x16\x03\x01\x00\x04\x01\x00\x40\x00"), true },
    { "one byte more", BYTES("\x16\x03\x01\x00\x04\x01\x00\x40\x01"), false },
    { "the largest length that can be announced", BYTES("\x16\x03\x01\x00\x04\x01\xff\xff\xff"),
      false },
    { "an incomplete length", BYTES("\x16\x03\x01\x00\x04\x01\x00\x40"), true },
    { "a large hello whose head is cut into records of one byte",
      BYTES("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x01\x01"
            "\x16\x03\x01\x00\x01\xff\x16\x03\x01\x00\x01\xff"),
      false },
    { "a large hello after an empty record",
      BYTES("\x16\x03\x01\x00\x00\x16\x03\x01\x00\x04\x01\x01\x00\x00"), false },
    { "a large message after an empty one",
      BYTES("\x16\x03\x01\x00\x08\x01\x00\x00\x00\x01\x01\x00\x00"), false },
    { "a large second message in the same record",
      BYTES("\x16\x03\x01\x00\x0a\x01\x00\x00\x02hi\x01\x01\x00\x00"), false },
    { "a large second message, after a first one in two records",
      BYTES("\x16\x03\x01\x00\x05\x01\x00\x00\x02h\x16\x03\x01\x00\x05i\x01\x01\x00\x00"), false },
    { "a large second message after change_cipher_spec",
      BYTES("\x16\x03\x01\x00\x06\x01\x00\x00\x02hi\x14\x03\x03\x00\x01\x01"
            "\x16\x03\x03\x00\x04\x01\x01\x00\x00"),
      false },
    { "a large hello after an alert",
      BYTES("\x15\x03\x01\x00\x02\x01\x00\x16\x03\x01\x00\x04\x01\x01\x00\x00"), false },
    { "early data",
      BYTES("\x16\x03\x01\x00\x06\x01\x00\x00\x02hi\x17\x03\x03\x00\x04\x01\x01\x00\x00"), true },
    { "a large second message after early data",
      BYTES("\x16\x03\x01\x00\x06\x01\x00\x00\x02hi\x17\x03\x03\x00\x04\x01\x01\x00\x00"
            "\x16\x03\x03\x00\x04\x01\x01\x00\x00"),
      false },
    { "not TLS", BYTES("GET / HTTP/1.1\r\n\x16\x03\x01\x00\x04\x01\x01\x00\x00"), true },
};

static bool feed(const char *p, size_t n, size_t piece)
{
    struct tls_hello h = { .is_over = false };

    for (size_t i = 0; i < n; i += piece) {
        size_t left = n - i;

        if (!tls_hello_fits(&h, (const unsigned char *)p + i, left < piece ? left : piece))
            return false;
    }
    return tls_hello_fits(&h, NULL, 0);
}

static void limits_a_client_hello_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].n + 1; piece++) {
            if (feed(cases[i].p, cases[i].n, piece) != cases[i].fits)
                fail_msg("wrong result for %s, in pieces of %zu", cases[i].what, piece);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_a_client_hello_however_it_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
