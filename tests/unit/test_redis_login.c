#include "broker/redis_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/log.h"
#include "support/temp_dir_group.h"

static void assert_reads(struct redis_login *login, const char *username, const char *password)
{
    struct str u, p;

    redis_login_read(login, &u, &p);
    assert_int_equal(u.n, strlen(username));
    assert_memory_equal(u.p, username, u.n);
    assert_int_equal(p.n, strlen(password));
    assert_memory_equal(p.p, password, p.n);
}

static void returns_fixed_texts(void **state)
{
    const struct redis_login_config config = { "u", "p", "", "" };
    struct redis_login *login = redis_login_create(&config);

    (void)state;
    assert_reads(NULL, "", "");
    assert_reads(login, "u", "p");
    redis_login_free(login);
    redis_login_free(NULL);
}

static void reads_the_files_each_time(void **state)
{
    char username[TEMP_DIR_PATH_MAX], password[TEMP_DIR_PATH_MAX];
    const struct redis_login_config config = { "u", "p", temp_dir_path(&dir, "u", username),
                                               temp_dir_path(&dir, "p", password) };
    struct redis_login *login = redis_login_create(&config);

    (void)state;
    temp_dir_write(&dir, "u", STR("user\n"));
    temp_dir_write(&dir, "p", STR(" pass word \n\n"));
    assert_reads(login, "user", " pass word \n");
    temp_dir_write(&dir, "p", STR("other"));
    assert_reads(login, "user", "other");
    redis_login_free(login);
}

static void keeps_what_it_read_last(void **state)
{
    static char too_long[REDIS_PASSWORD_BYTES + 1], big[65537];
    static const struct str unusable[] = {
        { "", 0 }, { "\n", 1 }, { "a\0b", 3 }, { too_long, sizeof(too_long) }, { big, sizeof(big) },
    };
    char path[TEMP_DIR_PATH_MAX];
    const struct redis_login_config config = { "", "first", "", temp_dir_path(&dir, "p", path) };
    struct redis_login *login = redis_login_create(&config);

    (void)state;
    memset(too_long, 'x', sizeof(too_long));
    memset(big, 'x', sizeof(big));
    assert_int_equal(unlink(path), 0);
    assert_reads(login, "", "first");
    for (size_t i = 0; i < ARRAY_LEN(unusable); i++) {
        temp_dir_write(&dir, "p", STR("good"));
        assert_reads(login, "", "good");
        temp_dir_write(&dir, "p", unusable[i]);
        assert_reads(login, "", "good");
    }
    redis_login_free(login);
}

/* A shell gives <(command) only once, and reading it again would block. */
static void does_not_wait_for_a_pipe(void **state)
{
    char path[TEMP_DIR_PATH_MAX];
    const struct redis_login_config config = { "", "first", "", temp_dir_path(&dir, "f", path) };
    struct redis_login *login = redis_login_create(&config);

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_reads(login, "", "first");
    redis_login_free(login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_fixed_texts),
        cmocka_unit_test(reads_the_files_each_time),
        cmocka_unit_test(keeps_what_it_read_last),
        cmocka_unit_test(does_not_wait_for_a_pipe),
    };

    log_set_level(LOG_OFF);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
