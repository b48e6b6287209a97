#include "broker/redis/redis_rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/redis/redis_scratch.h"

static void tells_what_is_refused(void **state)
{
    const struct {
        const char *error;
        enum redis_refusal want;
    } rows[] = {
        /* 6.0, 7.0, 7.2 */
        { "NOPERM this user has no permissions to run the 'xadd' command or its subcommand",
          REDIS_REFUSAL_COMMAND },
        { "NOPERM this user has no permissions to run the 'xadd' command", REDIS_REFUSAL_COMMAND },
        { "NOPERM User hub has no permissions to run the 'script|load' command",
          REDIS_REFUSAL_COMMAND },
        { "NOPERM this user has no permissions to access one of the keys used as arguments",
          REDIS_REFUSAL_KEY },
        { "NOPERM No permissions to access a key", REDIS_REFUSAL_KEY },
        { "NOPERM this user has no permissions to access one of the channels used as arguments",
          REDIS_REFUSAL_CHANNEL },
        { "NOPERM No permissions to access a channel", REDIS_REFUSAL_CHANNEL },
        { "ERR unknown command `XADD`, with args beginning with: ", REDIS_REFUSAL_UNKNOWN },
        { "OOM command not allowed when used memory > 'maxmemory'.", REDIS_REFUSAL_OTHER },
        { "", REDIS_REFUSAL_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(redis_refusal_of_text(str_of(rows[i].error)), rows[i].want);
}

static void assert_text(const char *p, size_t n, const char *want)
{
    assert_int_equal(n, strlen(want));
    assert_memory_equal(p, want, n);
}

static void puts_the_names_in_place_of_their_letters(void **state)
{
    const struct redis_rights_names names = {
        .keys = { STR("k1"), STR("k2"), STR("k3"), STR("k4") },
        .channel = STR("ch"),
    };
    struct redis_command c;

    (void)state;
    for (size_t i = 0; i < redis_rights_count(); i++) {
        redis_rights_command(&c, i, &names);
        if (strcmp(redis_rights_name(i), "publish") == 0)
            assert_text(c.args[1], c.lengths[1], "ch");
        if (strcmp(redis_rights_name(i), "zadd") == 0)
            assert_text(c.args[1], c.lengths[1], "k4");
        for (size_t k = 1; k < c.n; k++)
            assert_false(c.lengths[k] == 1 && strchr("SHXZC", c.args[k][0]));
    }
    assert_text(c.args[0], c.lengths[0], "DEL"); /* the last one */
    for (size_t k = 0; k < REDIS_RIGHTS_KEYS; k++)
        assert_text(c.args[k + 1], c.lengths[k + 1], names.keys[k].p);
}

static bool begins(const char *p, size_t n, const char *with)
{
    return str_starts_with(str_make(p, n), str_of(with));
}

/* Every key of the runs lies where the documented ACL grants access, and in one slot of a cluster;
 * the message goes to a channel that servers skip. */
static void keeps_to_a_scratch_area(void **state)
{
    const struct broker_config config = { .cache = true, .default_ttl_s = 60 };
    struct redis_scratch scratch;
    struct redis_command c;
    size_t n = 0;

    (void)state;
    redis_scratch_init(&scratch, STR("hub"));
    for (; redis_scratch_script(n); n++) {
        redis_scratch_command(&c, &scratch, &config, n);
        assert_true(c.is_script);
        for (int k = 0; k < c.args[2][0] - '0'; k++)
            assert_true(begins(c.args[3 + k], c.lengths[3 + k], "{hub}:check-"));
    }
    assert_true(n >= SCRIPT_COUNT);
    redis_scratch_clean(&c, &scratch);
    assert_true(c.n > 10);
    for (size_t k = 1; k < c.n; k++)
        assert_true(begins(c.args[k], c.lengths[k], "{hub}:check-"));
    assert_true(begins(scratch.rights.channel.p, scratch.rights.channel.n, "hub:$metrics$/check-"));
    redis_scratch_done(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_refused),
        cmocka_unit_test(puts_the_names_in_place_of_their_letters),
        cmocka_unit_test(keeps_to_a_scratch_area),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
