#include "app/config/config_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/config/config_load.h"
#include "app/config/config_secrets.h"
#include "base/array.h"
#include "support/temp_dir_group.h"

#define SECRET "p4ss"

/* Loads the options and the secrets. Returns the error; "": none. */
static const char *load(char *const *arguments, struct config *ret)
{
    static char why[512];
    char *argv[8] = { "eventhub" }, *environment[] = { NULL };
    struct config_source source = { .argc = 1, .argv = argv, .environment = environment };
    enum config_action action;
    struct buf text = { 0 };
    int rc;

    for (; *arguments; arguments++)
        argv[source.argc++] = *arguments;
    *ret = (struct config){ 0 };
    rc = config_load(&source, ret, &action, &text);
    if (rc == EH_OK)
        rc = config_read_secrets(ret, &text);
    assert_int_equal(rc == EH_OK, buf_used(&text) == 0);
    (void)snprintf(why, sizeof(why), "%.*s", STR_ARG(buf_str(&text)));
    buf_done(&text);
    assert_null(strstr(why, SECRET));
    return why;
}

#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })
#define MASTER    "--redis-sentinel-master=m"

static const struct {
    char *arguments[4];
    const char *why;
} rules[] = {
    { { "--redis-tls=yes" }, "" },
    { { "--redis-tls=yes", "--redis-tls-ca=a", "--redis-tls-cert=b", "--redis-tls-key=c" }, "" },
    { { "--redis-tls=yes", "--redis-tls-cert=b" },
      "REDIS_TLS_CERT and REDIS_TLS_KEY must be set together" },
    { { "--redis-tls=yes", "--redis-tls-key=c" },
      "REDIS_TLS_CERT and REDIS_TLS_KEY must be set together" },
    { { "--redis-tls=yes", "--redis-host=/x" },
      "REDIS_TLS conflicts with REDIS_HOST: a Unix socket cannot use TLS" },

    { { "--redis-cluster=yes", "--redis-db=0" }, "" },
    { { "--redis-cluster=yes", "--redis-db=1" },
      "REDIS_DB must name database 0 with REDIS_CLUSTER=yes" },
    { { "--redis-cluster=yes", "--redis-url=redis://:" SECRET "@a/1" },
      "REDIS_URL must name database 0 with REDIS_CLUSTER=yes" },
    { { "--redis-cluster=auto", "--redis-db=1" }, "" },
    { { "--redis-cluster=auto", "--redis-host=a,b" }, "" },
    { { "--redis-cluster=yes", "--redis-host=a,b" }, "" },
    { { "--redis-cluster=no", "--redis-host=a:1" }, "" },
    { { "--redis-cluster=no", "--redis-host=a,b" },
      "REDIS_HOST must name one host with REDIS_CLUSTER=no" },
    { { "--redis-cluster=no", "--redis-url=redis://a,b" },
      "REDIS_URL must name one host with REDIS_CLUSTER=no" },

    { { "--redis-sentinels=a,b:1", MASTER }, "" },
    { { "--redis-sentinels=a", MASTER, "--redis-db=3" }, "" },
    { { "--redis-sentinels=a", MASTER, "--redis-cluster=no" }, "" },
    { { "--redis-sentinels=a" }, "REDIS_SENTINELS requires REDIS_SENTINEL_MASTER" },
    { { MASTER }, "REDIS_SENTINEL_MASTER requires REDIS_SENTINELS" },
    { { "--redis-sentinels=a", MASTER, "--redis-host=127.0.0.1" },
      "REDIS_HOST conflicts with REDIS_SENTINELS: set one of them" },
    { { "--redis-sentinels=a:1", MASTER, "--redis-port=6379" },
      "REDIS_PORT conflicts with REDIS_SENTINELS: set one of them" },
    { { "--redis-sentinels=a", MASTER, "--redis-cluster=yes" },
      "REDIS_CLUSTER=yes conflicts with REDIS_SENTINELS" },
    { { "--redis-sentinels=a", MASTER, "--redis-sentinel-tls=yes", "--redis-tls-cert=b" },
      "REDIS_TLS_CERT and REDIS_TLS_KEY must be set together" },

    { { "--redis-url=redis://a", "--redis-host=127.0.0.1" },
      "REDIS_HOST conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-port=6379" },
      "REDIS_PORT conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-username=u" },
      "REDIS_USERNAME conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-username-file=u" },
      "REDIS_USERNAME_FILE conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-password=" SECRET },
      "REDIS_PASSWORD conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-password-file=u" },
      "REDIS_PASSWORD_FILE conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-db=0" },
      "REDIS_DB conflicts with REDIS_URL: set one of them" },
    { { "--redis-url=redis://a", "--redis-sentinels=a", MASTER },
      "REDIS_SENTINELS conflicts with REDIS_URL: set one of them" },
    { { "--redis-url-file=f", "--redis-host=a" },
      "REDIS_HOST conflicts with REDIS_URL_FILE: set one of them" },
    { { "--redis-url=redis://a", "--redis-tls=yes" },
      "REDIS_TLS=true conflicts with REDIS_URL: rediss:// uses TLS, redis:// and unix:// do "
      "not" },
    { { "--redis-url=rediss://a", "--redis-tls=no" },
      "REDIS_TLS=false conflicts with REDIS_URL: rediss:// uses TLS, redis:// and unix:// do "
      "not" },
    { { "--redis-url=rediss://a", "--redis-tls=yes" }, "" },
    { { "--redis-url=redis://a", "--redis-tls=no" }, "" },
    { { "--redis-url=rediss://a", "--redis-tls-cert=b" },
      "REDIS_TLS_CERT and REDIS_TLS_KEY must be set together" },
};

static void checks_options_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        char *arguments[5] = { NULL };
        struct config c;

        memcpy(arguments, rules[i].arguments, sizeof(rules[i].arguments));
        assert_string_equal(load(arguments, &c), rules[i].why);
        config_done(&c);
    }
}

static void gives_hosts_without_a_port_that_of_redis_port(void **state)
{
    struct config c;

    (void)state;
    assert_string_equal(load(ARGS("--redis-host=a,b:7,[::1]", "--redis-port=8"), &c), "");
    assert_int_equal(c.redis_hosts.n, 3);
    assert_string_equal(c.redis_hosts.at[0].host, "a");
    assert_int_equal(c.redis_hosts.at[0].port, 8);
    assert_int_equal(c.redis_hosts.at[1].port, 7);
    assert_string_equal(c.redis_hosts.at[2].host, "::1");
    assert_int_equal(c.redis_hosts.at[2].port, 8);
    config_done(&c);
}

static void has_sentinels_instead_of_hosts(void **state)
{
    struct config c;

    (void)state;
    assert_string_equal(load(ARGS("--redis-sentinels=a, b:7", MASTER), &c), "");
    assert_int_equal(c.redis_hosts.n, 0);
    assert_int_equal(c.redis_sentinel_hosts.n, 2);
    assert_int_equal(c.redis_sentinel_hosts.at[0].port, 26379);
    assert_int_equal(c.redis_sentinel_hosts.at[1].port, 7);
    config_done(&c);
}

static void assert_is_applied(const struct config *c)
{
    assert_true(c->redis_tls);
    assert_string_equal(c->redis_username, "u");
    assert_string_equal(c->redis_password, SECRET);
    assert_int_equal(c->redis_hosts.n, 1);
    assert_string_equal(c->redis_hosts.at[0].host, "h");
    assert_int_equal(c->redis_hosts.at[0].port, 7);
    assert_int_equal(c->redis_db, 5);
}

static void takes_the_url_apart(void **state)
{
    struct config c;

    (void)state;
    assert_string_equal(load(ARGS("--redis-url=rediss://u:" SECRET "@h:7/5"), &c), "");
    assert_is_applied(&c);
    config_done(&c);
}

static void reads_the_url_from_a_file(void **state)
{
    static const struct {
        const char *text, *other, *why; /* what follows the name of the option and of the file */
    } cases[] = {
        { "rediss://u:" SECRET "@h:7/5\n", "--redis-tls=yes", NULL },
        { "rediss://u:" SECRET "@h:7/5\n", "--redis-tls=no",
          "REDIS_TLS=false conflicts with REDIS_URL_FILE: rediss:// uses TLS, redis:// and unix:// "
          "do not" },
        { "redis://:" SECRET "@h/5", "--redis-cluster=yes",
          "REDIS_URL_FILE must name database 0 with REDIS_CLUSTER=yes" },
        { "redis://h", "--redis-url=redis://i",
          "REDIS_URL_FILE conflicts with REDIS_URL: set one of them" },
        { SECRET, "--redis-tls=yes",
          "REDIS_URL must be redis://[user[:password]@]host[:port][/db], the same with rediss://, "
          "or unix:///path[?db=N], at most 4096 bytes, not text that begins with another scheme or "
          "with none" },
    };
    char path[TEMP_DIR_PATH_MAX], argument[TEMP_DIR_PATH_MAX + 32];

    (void)state;
    (void)snprintf(argument, sizeof(argument), "--redis-url-file=%s",
                   temp_dir_path(&dir, "url", path));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        const char *why;

        temp_dir_write(&dir, "url", str_of(cases[i].text));
        why = load(ARGS(argument, (char *)cases[i].other), &c);
        if (!cases[i].why) {
            assert_string_equal(why, "");
            assert_is_applied(&c);
        } else if (!strstr(why, cases[i].why)) {
            fail_msg("%s", why);
        }
        config_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_options_together),
        cmocka_unit_test(gives_hosts_without_a_port_that_of_redis_port),
        cmocka_unit_test(has_sentinels_instead_of_hosts),
        cmocka_unit_test(takes_the_url_apart),
        cmocka_unit_test(reads_the_url_from_a_file),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
