#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

#define SCOPE UINT64_C(0x0102030405060708)

/* CPython 3.11 hashes bytes with SipHash-1-3, with the key 0 under PYTHONHASHSEED=0: the values are
 * its hash(struct.pack("<Q", scope) + text). seed_42 is the key that PYTHONHASHSEED=42 gives. */
static void hashes_as_cpython_does(void **state)
{
    static const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const struct siphash_key zero = { 0, 0 };
    static const struct siphash_key seed_42 = { UINT64_C(0xdc504fd368cd90af),
                                                UINT64_C(0xb920bb9ffe99e9c1) };
    static const struct {
        const struct siphash_key *key;
        uint64_t scope;
        struct str text;
        uint64_t want;
    } cases[] = {
        { &zero, 0, STR(""), UINT64_C(0xbd60acb658c79e45) },
        { &zero, SCOPE, STR(""), UINT64_C(0x69b536ee4108fb12) },
        { &zero, 0, STR("a"), UINT64_C(0xc9972277e54d711) },
        { &zero, SCOPE, STR("a"), UINT64_C(0xdf81d8e14ccebcf4) },
        { &zero, 0, STR("room"), UINT64_C(0x82a873147be32a9f) },
        { &zero, SCOPE, STR("room"), UINT64_C(0xf584a635eb89161f) },
        { &zero, 0, STR("1234567"), UINT64_C(0xecffab43a4cdd49f) },
        { &zero, SCOPE, STR("1234567"), UINT64_C(0x5267df530b232d7) },
        { &zero, 0, STR("12345678"), UINT64_C(0xc84a882777652d47) },
        { &zero, SCOPE, STR("12345678"), UINT64_C(0xf99c318bcb7cdd5d) },
        { &zero, 0, STR("123456789"), UINT64_C(0x3c0f052bcaa2690b) },
        { &zero, SCOPE, STR("123456789"), UINT64_C(0x70a3b43be978db62) },
        { &zero, 0, STR("0123456789abcdef"), UINT64_C(0xc66fbe969a794e8d) },
        { &zero, SCOPE, STR("0123456789abcdef"), UINT64_C(0x89ac7f54ee9fe0ae) },
        { &zero, 0, { xs, 255 }, UINT64_C(0x628a8ab77977a5de) },
        { &zero, SCOPE, { xs, 255 }, UINT64_C(0xb3f832069a6009fa) },
        { &zero, 0, { xs, 256 }, UINT64_C(0xe205b56d42d559ec) },
        { &zero, SCOPE, { xs, 256 }, UINT64_C(0xe98d86c4146eb508) },
        { &seed_42, 0, STR("room"), UINT64_C(0x20e90e57b6c21340) },
        { &seed_42, SCOPE, STR("room"), UINT64_C(0x1ddd772b0681c05e) },
        { &seed_42, 0, STR("123456789"), UINT64_C(0x19e5be89701b4e20) },
        { &seed_42, SCOPE, STR("123456789"), UINT64_C(0x4cca4090c6b50c51) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(siphash(cases[i].key, cases[i].scope, cases[i].text), cases[i].want);
}

static void draws_random_keys(void **state)
{
    struct siphash_key a = siphash_key_random();
    struct siphash_key b = siphash_key_random();

    (void)state;
    assert_true(a.k0 != b.k0 && a.k1 != b.k1);
    assert_true(a.k0 != a.k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_cpython_does),
        cmocka_unit_test(draws_random_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
