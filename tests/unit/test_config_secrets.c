#include "app/config/config_secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/config/config_load.h"
#include "app/config/config_warn.h"
#include "base/file.h"
#include "base/array.h"
#include "support/temp_dir_group.h"

/* Loads a configuration that names the file in the option, with one other argument or NULL. */
static int load(struct config *ret, const char *option, const char *name, char *other,
                char why[512])
{
    enum config_action action;
    char path[128], argument[256];
    char *argv[] = { "eventhub", argument, other, NULL };
    char *environment[] = { NULL };
    const struct config_source source = { .argc = other ? 3 : 2,
                                          .argv = argv,
                                          .environment = environment };
    struct buf text = { 0 };
    int rc;

    (void)snprintf(argument, sizeof(argument), "--%s=%s", option, temp_dir_path(&dir, name, path));
    assert_int_equal(config_load(&source, ret, &action, &text), EH_OK);
    rc = config_read_secrets(ret, &text);
    assert_int_equal(rc == EH_OK, buf_used(&text) == 0);
    (void)snprintf(why, 512, "%.*s", STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

static const char *value_of(const struct config *c, const char *option)
{
    if (strcmp(option, "JWT_SECRET_FILE") == 0)
        return c->jwt_secret;
    if (strcmp(option, "JWT_SECRET_PREVIOUS_FILE") == 0)
        return c->jwt_secret_previous;
    if (strcmp(option, "REDIS_SENTINEL_PASSWORD_FILE") == 0)
        return c->redis_sentinel_password;
    return c->redis_password;
}

static const char *const options[] = {
    "JWT_SECRET_FILE",
    "JWT_SECRET_PREVIOUS_FILE",
    "REDIS_PASSWORD_FILE",
    "REDIS_SENTINEL_PASSWORD_FILE",
};

static void reads_secrets_from_files(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        { "secret", "secret" },       { "secret\n", "secret" },       { "secret\n\n", "secret\n" },
        { " secret ", " secret " },   { "sec\nret\n", "sec\nret" },   { "\nsecret", "\nsecret" },
        { "secret\r\n", "secret\r" }, { "# a, b = c", "# a, b = c" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        temp_dir_write(&dir, "value", str_of(cases[i].text));
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
            struct config c;
            char why[512];

            assert_int_equal(load(&c, options[k], "value", NULL, why), EH_OK);
            assert_string_equal(value_of(&c, options[k]), cases[i].value);
            config_done(&c);
        }
    }
}

static void refuses_unusable_files(void **state)
{
    static char big[FILE_KEY_MAX + 1], too_long[4097];
    static const struct {
        const char *name;
        struct str text;
        const char *what;
    } cases[] = {
        { "empty", { "", 0 }, "the file is empty" },
        { "newline", { "\n", 1 }, "the file is empty" },
        { "nul", { "sec\0ret", 7 }, "the file holds a NUL byte" },
        { "long", { too_long, sizeof(too_long) }, "must be text of at most 4096 bytes" },
        { "big", { big, sizeof(big) }, "the file is larger than 64k" },
    };

    (void)state;
    memset(big, 'x', sizeof(big));
    memset(too_long, 'x', sizeof(too_long));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        temp_dir_write(&dir, cases[i].name, cases[i].text);
        for (size_t k = 0; k < ARRAY_LEN(options); k++) {
            struct config c;
            char why[512];

            assert_int_equal(load(&c, options[k], cases[i].name, NULL, why), EH_EINVAL);
            assert_non_null(strstr(why, options[k]));
            assert_non_null(strstr(why, cases[i].what));
            assert_null(strstr(why, "xxx"));
            config_done(&c);
        }
    }
}

static void reports_a_missing_file(void **state)
{
    struct config c;
    char why[512];

    (void)state;
    assert_int_equal(load(&c, "JWT_SECRET_FILE", "nowhere", NULL, why), EH_EINVAL);
    assert_non_null(strstr(why, "No such file or directory"));
    config_done(&c);
    assert_int_equal(load(&c, "JWT_SECRET_FILE", ".", NULL, why), EH_EINVAL);
    assert_non_null(strstr(why, "Is a directory"));
    config_done(&c);
}

static void reads_the_user_name_from_a_file(void **state)
{
    struct config c;
    char why[512];

    (void)state;
    temp_dir_write(&dir, "value", STR("hub\n"));
    assert_int_equal(load(&c, "REDIS_USERNAME_FILE", "value", NULL, why), EH_OK);
    assert_string_equal(c.redis_username, "hub");
    config_done(&c);
    temp_dir_write(&dir, "value", STR("hub\nx"));
    assert_int_equal(load(&c, "REDIS_USERNAME_FILE", "value", NULL, why), EH_EINVAL);
    assert_non_null(strstr(why, "REDIS_USERNAME must be text of at most 256 bytes"));
    config_done(&c);
}

/* Choosing one of them would be a guess. */
static void refuses_a_secret_given_twice(void **state)
{
    struct config c;
    char why[512];

    (void)state;
    temp_dir_write(&dir, "value", STR("secret"));
    assert_int_equal(load(&c, "JWT_SECRET_FILE", "value", "--jwt-secret=another", why), EH_EINVAL);
    assert_string_equal(why, "JWT_SECRET_FILE conflicts with JWT_SECRET: set one of them");
    config_done(&c);
    assert_int_equal(load(&c, "JWT_SECRET_FILE", "value", "--redis-password=another", why), EH_OK);
    assert_string_equal(c.jwt_secret, "secret");
    assert_string_equal(c.redis_password, "another");
    assert_false(config_has_default_secret(&c));
    config_done(&c);
}

/* A tool that reads the keys of a server must not fail for its other options. */
static void ignores_all_options_but_those_of_the_prefix(void **state)
{
    char path[128], argument[256];
    char *argv[] = { "eventhub", argument, "--nonsense=1", "--redis-password-file=/none", NULL };
    char *environment[] = { "LISTEN_PORT=tcp://10.0.0.1:80", "JWT_ALGORITHM=HS512",
                            "REDIS_SENTINELS=a", NULL };
    const struct config_source source = {
        .argc = 4, .argv = argv, .environment = environment, .only = "JWT_"
    };
    enum config_action action;
    struct buf why = { 0 };
    struct config c;

    (void)state;
    temp_dir_write(&dir, "conf",
                   STR("nonsense = 1\nlisten_port = x\nredis_url_file = /none\n"
                       "jwt_secret = from the file\njwt_issuer = me\n"));
    (void)snprintf(argument, sizeof(argument), "--config=%s", temp_dir_path(&dir, "conf", path));
    assert_int_equal(config_load(&source, &c, &action, &why), EH_OK);
    assert_int_equal(config_read_secrets(&c, &why), EH_OK);
    assert_string_equal(c.jwt_secret, "from the file");
    assert_string_equal(c.jwt_issuer, "me");
    assert_int_equal(c.jwt_algorithm, 2);
    assert_int_equal(c.listen_port, 8080);
    config_done(&c);
    environment[1] = "JWT_ALGORITHM=none";
    assert_int_equal(config_load(&source, &c, &action, &why), EH_EINVAL);
    buf_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_secrets_from_files),
        cmocka_unit_test(refuses_unusable_files),
        cmocka_unit_test(reports_a_missing_file),
        cmocka_unit_test(reads_the_user_name_from_a_file),
        cmocka_unit_test(refuses_a_secret_given_twice),
        cmocka_unit_test(ignores_all_options_but_those_of_the_prefix),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
