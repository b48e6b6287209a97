#include "app/config/config_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/config/config_table.h"
#include "app/config/config_text.h"
#include "app/config/config_value.h"
#include "app/config/config_warn.h"
#include "base/array.h"
#include "base/buf.h"
#include "base/log.h"

/* The result of config_load for one command line and one environment. */
struct result {
    struct config config;
    enum config_action action;
    int rc;
    char why[512];
};

static struct result load(char **arguments, char **environment)
{
    char *argv[16] = { "eventhub" };
    struct result r = { .action = CONFIG_RUN };
    struct config_source source = { .argc = 1, .argv = argv, .environment = environment };
    struct buf why = { 0 };

    for (; *arguments; arguments++)
        argv[source.argc++] = *arguments;
    r.rc = config_load(&source, &r.config, &r.action, &why);
    assert_true(buf_used(&why) < sizeof(r.why));
    (void)snprintf(r.why, sizeof(r.why), "%.*s", STR_ARG(buf_str(&why)));
    assert_int_equal(r.rc == EH_OK, buf_used(&why) == 0);
    buf_done(&why);
    assert_null(strchr(r.why, '\n'));
    return r;
}

#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })
#define NONE      ((char *[]){ NULL })

/* Options that are refused without another one, and a value for that. */
static const struct companion {
    const char *of, *name, *value;
} companions[] = {
    { "REDIS_SENTINELS", "REDIS_SENTINEL_MASTER", "x" },
    { "REDIS_SENTINEL_MASTER", "REDIS_SENTINELS", "x" },
    { "JWT_COOKIE", "ALLOWED_ORIGINS", "https://a.example" },
};

/* Its name is empty if the option needs none. */
static struct companion companion_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(companions); i++) {
        if (strcmp(companions[i].of, name) == 0)
            return companions[i];
    }
    return (struct companion){ "", "", "" };
}

static struct result load_pair(const char *name, const char *value)
{
    struct companion other = companion_of(name);
    char argument[6000], companion[64];

    (void)snprintf(argument, sizeof(argument), "--%s=%s", name, value);
    if (!other.name[0])
        return load(ARGS(argument), NONE);
    (void)snprintf(companion, sizeof(companion), "--%s=%s", other.name, other.value);
    return load(ARGS(companion, argument), NONE);
}

static void assert_accepts(const char *name, const char *value)
{
    struct result r = load_pair(name, value);

    if (r.rc != EH_OK)
        fail_msg("%s=%s: %s", name, value, r.why);
    config_done(&r.config);
}

static void assert_refuses(const struct config_option *o, const char *value)
{
    struct result r = load_pair(o->name, value);
    struct buf allowed = { 0 };

    if (r.rc == EH_OK)
        fail_msg("%s=%s was accepted", o->name, value);
    config_add_allowed(&allowed, o);
    buf_add_char(&allowed, '\0');
    assert_non_null(strstr(r.why, o->name));
    assert_non_null(strstr(r.why, buf_head(&allowed)));
    if (o->secret)
        assert_null(strstr(r.why, value));
    buf_done(&allowed);
}

static void has_the_documented_defaults(void **state)
{
    struct result r = load(NONE, NONE);
    const struct config *c = &r.config;

    (void)state;
    assert_int_equal(r.rc, EH_OK);
    assert_int_equal(r.action, CONFIG_RUN);
    assert_string_equal(c->listen_address, "");
    assert_int_equal(c->listen_port, 8080);
    assert_false(c->enable_ssl);
    assert_int_equal(c->ssl_listen_port, 8443);
    assert_string_equal(c->ssl_certificate, "");
    assert_string_equal(c->ssl_private_key, "");
    assert_string_equal(c->ssl_ca_certificate, "");
    assert_false(c->ssl_cert_auto_reload);
    assert_int_equal(c->ssl_cert_check_interval, 300);
    assert_false(c->disable_unsecure_listener);
    assert_int_equal(c->worker_threads, 0);
    assert_int_equal(c->broker, CONFIG_BROKER_REDIS);
    assert_string_equal(c->jwt_secret, "eventhub_secret");
    assert_true(config_has_default_secret(c));
    assert_false(c->disable_auth);
    assert_string_equal(c->redis_prefix, "eventhub");
    assert_int_equal(c->redis_pool_size, 5);
    assert_true(c->enable_cache);
    assert_int_equal(c->max_cache_length, 1000);
    assert_int_equal(c->max_cache_request_limit, 1000);
    assert_int_equal(c->default_cache_ttl, 86400);
    assert_int_equal(c->ping_interval, 30);
    assert_int_equal(c->websocket_handshake_timeout, 15);
    assert_int_equal(c->http_keepalive_timeout, 75);
    assert_string_equal(c->prometheus_metric_prefix, "eventhub");
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->log_format, LOG_TEXT);
    assert_int_equal(c->max_message_size, 1 << 20);
    assert_int_equal(c->max_header_size, 16 << 10);
    assert_int_equal(c->max_output_queue, 8 << 20);
    assert_int_equal(c->max_connections, 0);
    assert_int_equal(c->max_subscriptions, 1000);
    assert_int_equal(c->memory_limit, 256 << 20);
    assert_int_equal(c->broker_timeout, 5);
    assert_int_equal(c->drain_delay, 0);
    assert_int_equal(c->shutdown_timeout, 8);
    config_done(&r.config);
}

static void has_the_documented_defaults_of_redis(void **state)
{
    struct result r = load(NONE, NONE);
    const struct config *c = &r.config;

    (void)state;
    assert_int_equal(r.rc, EH_OK);
    assert_string_equal(c->redis_host, "127.0.0.1");
    assert_int_equal(c->redis_port, 6379);
    assert_int_equal(c->redis_hosts.n, 1);
    assert_string_equal(c->redis_hosts.at[0].host, "127.0.0.1");
    assert_int_equal(c->redis_hosts.at[0].port, 6379);
    assert_string_equal(c->redis_url, "");
    assert_int_equal(c->redis_cluster, REDIS_CLUSTER_AUTO);
    assert_int_equal(c->redis_sentinel_hosts.n, 0);
    assert_string_equal(c->redis_sentinel_master, "");
    assert_string_equal(c->redis_sentinel_username, "");
    assert_string_equal(c->redis_sentinel_password, "");
    assert_false(c->redis_sentinel_tls);
    assert_int_equal(c->redis_wait, 0);
    assert_string_equal(c->redis_tls_name, "");
    assert_string_equal(c->redis_username, "");
    assert_string_equal(c->redis_password, "");
    assert_int_equal(c->redis_db, 0);
    assert_false(c->redis_tls);
    assert_string_equal(c->redis_tls_ca, "");
    assert_string_equal(c->redis_tls_cert, "");
    assert_string_equal(c->redis_tls_key, "");
    config_done(&r.config);
}

static bool same_member(const struct config_option *o, const struct config *a,
                        const struct config *b)
{
    const void *pa = (const char *)a + o->offset;
    const void *pb = (const char *)b + o->offset;

    if (o->kind == CONFIG_BOOL)
        return *(const bool *)pa == *(const bool *)pb;
    if (o->kind == CONFIG_NETWORKS)
        return cidr_list_is_equal(pa, pb);
    if (config_is_text(o))
        return strcmp(*(char *const *)pa, *(char *const *)pb) == 0;
    return *(const uint64_t *)pa == *(const uint64_t *)pb;
}

/* Returns a value that the row accepts and that is not its default. */
static const char *other_value(const struct config_option *o)
{
    switch (o->kind) {
    case CONFIG_NUMBER: return "7";
    case CONFIG_MODE: return "0640";
    case CONFIG_SOCKET: return "/run/other.sock";
    case CONFIG_SIZE: return strcmp(o->name, "MAX_HEADER_SIZE") == 0 ? "32k" : "5m";
    case CONFIG_BOOL: return strcmp(o->initial, "true") == 0 ? "no" : "yes";
    case CONFIG_CHOICE: return strrchr(o->choices, ' ') + 1;
    case CONFIG_LOG_LEVEL: return "off";
    case CONFIG_ADDRESS: return "::1";
    case CONFIG_NETWORKS: return "10.0.0.0/8, ::1";
    case CONFIG_ORIGINS: return "https://a.example, http://b.example:8080";
    case CONFIG_REDIS_URL: return "redis://other";
    case CONFIG_KEYS_URL: return "https://other/jwks";
    case CONFIG_HOSTS:
    case CONFIG_SERVERS: return "other:7, [::1]:8";
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_HOST:
    case CONFIG_COOKIE:
    case CONFIG_METRIC_NAME: break;
    }
    return "other";
}

static void sets_only_the_member_of_each_row(void **state)
{
    struct result plain = load(NONE, NONE);

    (void)state;
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        struct result r = load_pair(o->name, other_value(o));

        assert_string_equal(r.why, "");
        for (size_t k = 0; k < config_option_count; k++) {
            const char *name = config_options[k].name;
            bool is_given = i == k || strcmp(name, companion_of(o->name).name) == 0;

            assert_int_equal(same_member(&config_options[k], &plain.config, &r.config), !is_given);
            assert_int_equal(r.config.is_given[k], is_given);
        }
        config_done(&r.config);
    }
    config_done(&plain.config);
}

static void check_number_row(const struct config_option *o)
{
    static const char *const garbage[] = {
        "x", "1x", "-1", "+1", "1.5", " 1", "0x1", "1 ", "1e3", "true", "99999999999999999999999"
    };
    char text[32];

    (void)snprintf(text, sizeof(text), "%ju", (uintmax_t)o->min);
    assert_accepts(o->name, text);
    (void)snprintf(text, sizeof(text), "%ju", (uintmax_t)o->max);
    assert_accepts(o->name, text);
    (void)snprintf(text, sizeof(text), "%ju", (uintmax_t)o->max + 1);
    assert_refuses(o, text);
    if (o->min > 0) {
        (void)snprintf(text, sizeof(text), "%ju", (uintmax_t)o->min - 1);
        assert_refuses(o, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
        assert_refuses(o, garbage[i]);
}

static void check_size_row(const struct config_option *o)
{
    static const char *const garbage[] = {
        "k", "1kk", "1kb", "k1", "1 k", "1t", "99999999999999999g"
    };

    check_number_row(o);
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
        assert_refuses(o, garbage[i]);
}

static void check_mode_row(const struct config_option *o)
{
    static const char *const garbage[] = { "66",   "1777", "00660", "668",  "u=rw",
                                           "0x66", "-66",  " 660",  "0o660" };

    assert_accepts(o->name, "600");
    assert_accepts(o->name, "0777");
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
        assert_refuses(o, garbage[i]);
}

static void check_choice_row(const struct config_option *o)
{
    assert_accepts(o->name, o->initial);
    assert_refuses(o, "or");
    assert_refuses(o, "nonsense");
    assert_refuses(o, "0");
    assert_refuses(o, o->choices);
}

/* Reports whether a long text of one letter is not a value. */
static bool has_a_form(const struct config_option *o)
{
    return o->kind == CONFIG_ADDRESS || o->kind == CONFIG_ORIGINS || o->kind == CONFIG_NETWORKS ||
           o->kind == CONFIG_HOSTS || o->kind == CONFIG_SERVERS || o->kind == CONFIG_REDIS_URL ||
           o->kind == CONFIG_SOCKET || o->kind == CONFIG_KEYS_URL;
}

static void check_text_row(const struct config_option *o)
{
    char text[5000];

    memset(text, 'x', sizeof(text));
    text[o->max] = '\0';
    if (!has_a_form(o))
        assert_accepts(o->name, text);
    text[o->max] = 'x';
    text[o->max + 1] = '\0';
    assert_refuses(o, text);
    if (o->secret && !has_a_form(o)) {
        assert_accepts(o->name, "any\nbyte\x01");
        return;
    }
    assert_refuses(o, "a\nb");
    assert_refuses(o, "a\x7f");
}

static void checks_the_bounds_of_every_row(void **state)
{
    static void (*const check[])(const struct config_option *) = {
        [CONFIG_NUMBER] = check_number_row,
        [CONFIG_SIZE] = check_size_row,
        [CONFIG_BOOL] = NULL,
        [CONFIG_CHOICE] = check_choice_row,
        [CONFIG_MODE] = check_mode_row,
        [CONFIG_LOG_LEVEL] = check_choice_row,
        [CONFIG_TEXT] = check_text_row,
        [CONFIG_PATH] = check_text_row,
        [CONFIG_SOCKET] = check_text_row,
        [CONFIG_HOST] = check_text_row,
        [CONFIG_HOSTS] = check_text_row,
        [CONFIG_SERVERS] = check_text_row,
        [CONFIG_REDIS_URL] = check_text_row,
        [CONFIG_KEYS_URL] = check_text_row,
        [CONFIG_ADDRESS] = check_text_row,
        [CONFIG_METRIC_NAME] = check_text_row,
        [CONFIG_COOKIE] = check_text_row,
        [CONFIG_ORIGINS] = check_text_row,
        [CONFIG_NETWORKS] = check_text_row,
    };

    (void)state;
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (check[o->kind])
            check[o->kind](o);
    }
}

static void parses_booleans(void **state)
{
    static const char *const yes[] = { "true", "1", "yes", "on", "TRUE", "Yes", "oN" };
    static const char *const no[] = { "false", "0", "no", "off", "False", "NO" };
    static const char *const garbage[] = { "2", "t", "y", "truee", "enabled", " true", "-1" };

    (void)state;
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        for (size_t k = 0; o->kind == CONFIG_BOOL && k < ARRAY_LEN(garbage); k++)
            assert_refuses(o, garbage[k]);
    }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        struct result r = load_pair("DISABLE_AUTH", yes[i]);

        assert_true(r.rc == EH_OK && r.config.disable_auth);
        config_done(&r.config);
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        struct result r = load_pair("ENABLE_CACHE", no[i]);

        assert_true(r.rc == EH_OK && !r.config.enable_cache);
        config_done(&r.config);
    }
}

static void parses_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        { "1048576", 1048576 }, { "1024k", 1048576 }, { "1024K", 1048576 }, { "8m", 8388608 },
        { "8M", 8388608 },      { "2g", 2147483648 }, { "1G", 1073741824 }, { "1048577", 1048577 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r = load_pair("MEMORY_LIMIT", cases[i].text);

        assert_int_equal(r.rc, EH_OK);
        assert_int_equal(r.config.memory_limit, cases[i].bytes);
        config_done(&r.config);
    }
}

static void parses_log_levels(void **state)
{
    static const char *const names[] = { "trace", "debug",    "info", "warn",
                                         "error", "critical", "off" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct result r = load_pair("LOG_LEVEL", names[i]);

        assert_int_equal(r.config.log_level, i);
        config_done(&r.config);
    }
    assert_accepts("LOG_LEVEL", "Warning");
}

static void checks_addresses_and_names(void **state)
{
    static const struct {
        const char *name, *value;
        bool ok;
    } cases[] = {
        { "LISTEN_ADDRESS", "127.0.0.1", true },
        { "LISTEN_ADDRESS", "::", true },
        { "LISTEN_ADDRESS", "::ffff:1.2.3.4", true },
        { "LISTEN_ADDRESS", "localhost", false },
        { "LISTEN_ADDRESS", "[::1]", false },
        { "LISTEN_ADDRESS", "127.0.0.1:80", false },
        { "LISTEN_ADDRESS", "256.0.0.1", false },
        { "LISTEN_UNIX", "/run/eventhub/eventhub.sock", true },
        { "LISTEN_UNIX", "eventhub.sock", false },
        { "LISTEN_UNIX", "./eventhub.sock", false },
        { "LISTEN_UNIX", "@eventhub", false },
        { "LISTEN_UNIX", "unix:/run/eventhub.sock", false },
        { "PROMETHEUS_METRIC_PREFIX", "a1_:B", true },
        { "PROMETHEUS_METRIC_PREFIX", "1a", false },
        { "PROMETHEUS_METRIC_PREFIX", "a-b", false },
        { "PROMETHEUS_METRIC_PREFIX", "a b", false },
        { "REDIS_PREFIX", "my app:*?[]{}", true },
        { "REDIS_PREFIX", "a\tb", false },
        { "TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2", true },
        { "TRUSTED_PROXIES", "10.0.0.1,\t10.0.0.2", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r = load_pair(cases[i].name, cases[i].value);

        assert_int_equal(r.rc == EH_OK, cases[i].ok);
        if (r.rc == EH_OK)
            config_done(&r.config);
    }
}

static void requires_named_pages_for_cookies(void **state)
{
    static const char *const lists[] = { "*", "https://a.example, *", "null", "file://, null" };
    struct result r;

    (void)state;
    r = load(ARGS("--jwt-cookie=token"), NONE);
    assert_int_equal(r.rc, EH_EINVAL);
    assert_non_null(strstr(r.why, "JWT_COOKIE requires ALLOWED_ORIGINS"));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char argument[64];

        (void)snprintf(argument, sizeof(argument), "--allowed-origins=%s", lists[i]);
        r = load(ARGS("--jwt-cookie=token", argument), NONE);
        assert_int_equal(r.rc, EH_EINVAL);
    }
    assert_accepts("JWT_COOKIE", "__Host-token");
    assert_accepts("JWT_COOKIE", "!#$%&'*+-.^_`|~");
}

static void refuses_names_of_cookies_that_none_can_have(void **state)
{
    static const char *const names[] = { "a b", "a=b", "a;b", "a,b", "a\"b", "a:b", "\xc3\xa9" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct result r = load_pair("JWT_COOKIE", names[i]);

        assert_int_equal(r.rc, EH_EINVAL);
        assert_non_null(strstr(r.why, "the name of a cookie"));
    }
}

static void accepts_hosts_and_paths(void **state)
{
    static const char *const hosts[] = {
        "redis",     "redis.example.net.", "my_redis-1", "127.0.0.1",          "::1",
        "fe80::1:2", "fe80::1%eth0",       "2001:db8::", "::ffff:127.0.0.1",   "/run/redis.sock",
        "/a b:c@d",  "XN--BCHER-KVA",      "b\xc3\xbc",  "redis--x.svc.local", "1.2",
    };
    static const char *const paths[] = {
        "/etc/key", "key", "../a b", "c:\\key", "key:1", "https:/x", "{}", "-----END-----",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_accepts("REDIS_HOST", hosts[i]);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_accepts("JWT_SECRET_FILE", paths[i]);
}

/* Values that users of other programs write, and the error. */
#define HOST                                                                                       \
    "REDIS_HOST must be host[:port], a list of at most 64 of them, or the path of a Unix socket "  \
    "(/path)"
#define SENTINELS "REDIS_SENTINELS must be host[:port], or a list of at most 64 of them"
#define KEYS_URL                                                                                   \
    "JWT_JWKS_URL must be https://host[:port]/path, or for this machine "                          \
    "http://localhost[:port]/path, at most 1024 bytes"
#define URL                                                                                        \
    "REDIS_URL must be redis://[user[:password]@]host[:port][/db], the same with rediss://, or "   \
    "unix:///path[?db=N], at most 4096 bytes"
#define NAME    "REDIS_TLS_NAME must be a host name or an address, at most 253 bytes"
#define FILE_   "must be the path of a file, at most 4095 bytes, not "
#define ADDRESS "LISTEN_ADDRESS must be an IPv4 or IPv6 address, not "
#define PORT    "REDIS_PORT must be a number from 1 to 65535, not "
static const struct {
    const char *name, *value, *why;
} mistakes[] = {
    { "REDIS_HOST", "redis://localhost:6379", HOST ", not a URL: set REDIS_URL" },
    { "REDIS_HOST", "rediss://user:p4ss@redis/0", HOST ", not a URL: set REDIS_URL" },
    { "REDIS_HOST", "user:p4ss@redis",
      HOST ", not a host with a user: set REDIS_USERNAME and REDIS_PASSWORD" },
    { "REDIS_HOST", "a,user:p4ss@redis",
      HOST ", not a host with a user: set REDIS_USERNAME and REDIS_PASSWORD" },
    { "REDIS_HOST", "redis:", HOST ", not \"redis:\"" },
    { "REDIS_HOST", "redis:x", HOST ", not \"redis:x\"" },
    { "REDIS_HOST", "redis:0", HOST ", not \"redis:0\"" },
    { "REDIS_HOST", "redis:65536", HOST ", not \"redis:65536\"" },
    { "REDIS_HOST", ":6379", HOST ", not \":6379\"" },
    { "REDIS_HOST", "::1:6379x", HOST ", not \"::1:6379x\"" },
    { "REDIS_HOST", "[::1", HOST ", not \"[::1\"" },
    { "REDIS_HOST", "[::1]6379", HOST ", not \"[::1]6379\"" },
    { "REDIS_HOST", "[::1]:", HOST ", not \"[::1]:\"" },
    { "REDIS_HOST", "[redis]:6379", HOST ", not \"[redis]:6379\"" },
    { "REDIS_HOST", "a:6379,,b", HOST ", not \"\"" },
    { "REDIS_HOST", "a:6379,", HOST ", not \"\"" },
    { "REDIS_HOST", "a:6379,b c,d", HOST ", not \"b c\"" },
    { "REDIS_HOST", "a:6379 ,b", HOST ", not \"a:6379 \"" },
    { "REDIS_HOST", "a,/run/redis.sock", HOST ", not \"/run/redis.sock\"" },
    { "REDIS_HOST", "/run/redis.sock,a", HOST ", not the path of a Unix socket in a list" },
    { "REDIS_HOST", "unix:/run/redis.sock",
      HOST ", not a URL: write only the path, which begins with /" },
    { "REDIS_HOST", "unix:///run/redis.sock", HOST ", not a URL: set REDIS_URL" },
    { "REDIS_HOST", "redis\n", HOST ", not text that ends with a line break" },
    { "REDIS_HOST", "\"redis\"", HOST ", not text in quotes: leave out the quotes" },
    { "REDIS_HOST", " redis", HOST ", not \" redis\"" },
    { "REDIS_HOST", "./redis.sock", HOST ", not \"./redis.sock\"" },
    { "REDIS_HOST", "redis/0", HOST ", not \"redis/0\"" },
    { "REDIS_HOST", "127.0.0.1%eth0", HOST ", not \"127.0.0.1%eth0\"" },
    { "REDIS_HOST", "fe80::1%", HOST ", not \"fe80::1%\"" },
    { "REDIS_SENTINELS", "redis://a:26379", SENTINELS ", not a URL" },
    { "REDIS_SENTINELS", "u:p4ss@a:26379",
      SENTINELS ", not a host with a user: set REDIS_SENTINEL_USERNAME and "
                "REDIS_SENTINEL_PASSWORD" },
    { "REDIS_SENTINELS", "/run/sentinel.sock", SENTINELS ", not the path of a Unix socket" },
    { "REDIS_SENTINELS", "a,b:x", SENTINELS ", not \"b:x\"" },
    { "REDIS_URL", "p4ss", URL ", not text that begins with another scheme or with none" },
    { "REDIS_URL", "http://:p4ss@a",
      URL ", not text that begins with another scheme or with none" },
    { "REDIS_URL", "redis://:p4ss@", URL ", not a URL without a host" },
    { "REDIS_URL", "redis://:p4ss@a:x", URL ", not a URL with a malformed host or port" },
    { "REDIS_URL", "redis://:p4ss%@a",
      URL ", not a URL with a % that is not followed by two hexadecimal digits: write %25" },
    { "REDIS_URL", "redis://:p4ss@a\n", URL ", not text that ends with a line break" },
    { "REDIS_URL", "redis://:p4\tss@a",
      URL ", not text with a line break or another control character" },
    { "REDIS_URL", "\"redis://:p4ss@a\"", URL ", not text in quotes: leave out the quotes" },
    { "JWT_JWKS_URL", "login.example/keys",
      KEYS_URL ", not text that begins with another scheme or with none" },
    { "JWT_JWKS_URL", "file:///etc/passwd",
      KEYS_URL ", not text that begins with another scheme or with none" },
    { "JWT_JWKS_URL", "https://", KEYS_URL ", not a URL without a host" },
    { "JWT_JWKS_URL", "https:///keys", KEYS_URL ", not a URL without a host" },
    { "JWT_JWKS_URL", "https://u:p4ss@a/keys", KEYS_URL ", not a URL with a user or password" },
    { "JWT_JWKS_URL", "https://a:x/keys", KEYS_URL ", not a URL with a malformed host or port" },
    { "JWT_JWKS_URL", "https://a,b/keys", KEYS_URL ", not a URL with a malformed host or port" },
    { "JWT_JWKS_URL", "https://a/k#x", KEYS_URL ", not a URL with a fragment (#)" },
    { "JWT_JWKS_URL", "https://a/k k",
      KEYS_URL ", not a URL with blanks or characters that must be percent-encoded" },
    { "JWT_JWKS_URL", "http://login.example/keys",
      KEYS_URL ", not an http URL of another machine, where anyone on the way could replace the "
               "keys: use https" },
    { "JWT_JWKS_URL", "http://localhost.example/keys",
      KEYS_URL ", not an http URL of another machine, where anyone on the way could replace the "
               "keys: use https" },
    { "REDIS_TLS_NAME", "redis:6379", NAME ", not \"redis:6379\"" },
    { "REDIS_TLS_NAME", "*.example.net", NAME ", not \"*.example.net\"" },
    { "REDIS_TLS_NAME", "a,b", NAME ", not a list" },
    { "REDIS_TLS_NAME", "[::1]", NAME ", not an address in brackets: leave out the brackets" },
    { "REDIS_TLS_NAME", "https://a", NAME ", not a URL" },
    { "REDIS_CLUSTER", "maybe", "REDIS_CLUSTER must be auto, yes or no, not \"maybe\"" },
    { "REDIS_WAIT", "17", "REDIS_WAIT must be a number from 0 to 16, not \"17\"" },
    { "REDIS_PORT", "tcp://10.0.0.5:6379",
      PORT "a URL: if Kubernetes set it for a service, set enableServiceLinks to false" },
    { "REDIS_PORT", "redis:6379", PORT "a host with a port: set REDIS_HOST" },
    { "LISTEN_PORT", ":8080",
      "LISTEN_PORT must be a number from 0 to 65535, not a host with a port: set "
      "LISTEN_ADDRESS" },
    { "METRICS_LISTEN_PORT", "127.0.0.1:9100",
      "METRICS_LISTEN_PORT must be a number from 0 to 65535, not a host with a port: set "
      "METRICS_LISTEN_ADDRESS" },
    { "LISTEN_ADDRESS", "0.0.0.0:8080", ADDRESS "a host with a port: set LISTEN_PORT" },
    { "LISTEN_ADDRESS", "*:8080", ADDRESS "a host with a port: set LISTEN_PORT" },
    { "LISTEN_ADDRESS", "[::]:8080", ADDRESS "a host with a port: set LISTEN_PORT" },
    { "LISTEN_ADDRESS", "[::]", ADDRESS "an address in brackets: leave out the brackets" },
    { "LISTEN_ADDRESS", "http://0.0.0.0", ADDRESS "a URL" },
    { "LISTEN_ADDRESS", "localhost", ADDRESS "\"localhost\"" },
    { "METRICS_LISTEN_ADDRESS", "127.0.0.1:9100",
      "METRICS_LISTEN_ADDRESS must be an IPv4 or IPv6 address, not a host with a port: set "
      "METRICS_LISTEN_PORT" },
    { "JWT_KEYS_FILE", "https://example.net/jwks.json",
      "JWT_KEYS_FILE " FILE_ "a URL: only files can be read" },
    { "JWT_SECRET_FILE", "file:///run/secrets/jwt",
      "JWT_SECRET_FILE " FILE_ "a URL: only files can be read" },
    { "JWT_KEYS_FILE", "{\"keys\":[]}",
      "JWT_KEYS_FILE " FILE_ "the content of such a file: write it to a file" },
    { "JWT_KEYS_FILE", "{ \"keys\": [{ \"k\": \"p4ss\" }] }",
      "JWT_KEYS_FILE " FILE_ "the content of such a file: write it to a file" },
    { "JWT_KEYS_FILE", "\n {\r\n\t\"k\": \"p4ss\"\n}",
      "JWT_KEYS_FILE " FILE_ "the content of such a file: write it to a file" },
    { "SSL_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nMIIp4ss\n",
      "SSL_PRIVATE_KEY " FILE_ "the content of such a file: write it to a file" },
    { "SSL_PRIVATE_KEY", "\n-----BEGIN PRIVATE KEY-----\nMIIp4ss\n",
      "SSL_PRIVATE_KEY " FILE_ "the content of such a file: write it to a file" },
    { "JWT_PUBLIC_KEY", "/a\nb", "JWT_PUBLIC_KEY " FILE_ "\"/a?b\"" },
    { "BROKER", "redis://:p4ss@redis", "BROKER must be redis or memory, not a URL" },
    { "DISABLE_AUTH", "\"true\"",
      "DISABLE_AUTH must be true or false, not text in quotes: leave out the quotes" },
    { "DISABLE_AUTH", "\"", "DISABLE_AUTH must be true or false, not \"\"\"" },
    { "JWT_ISSUER", "https://a\n",
      "JWT_ISSUER must be text of at most 256 bytes, not text that ends with a line break" },
};
#undef HOST
#undef SENTINELS
#undef URL
#undef NAME
#undef FILE_
#undef ADDRESS
#undef PORT

static void names_frequent_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct result r = load_pair(mistakes[i].name, mistakes[i].value);

        assert_string_equal(r.why, mistakes[i].why);
        assert_null(strstr(r.why, "p4ss")); /* part of a secret */
    }
}

static void limits_the_length_of_socket_paths(void **state)
{
    char path[128];
    struct result r;

    (void)state;
    memset(path, '/', sizeof(path));
    path[107] = '\0';
    assert_accepts("REDIS_HOST", path);
    path[107] = '/';
    path[108] = '\0';
    r = load_pair("REDIS_HOST", path);
    assert_non_null(strstr(r.why, "REDIS_HOST must be "));
    assert_non_null(strstr(r.why, "not a path that is too long for a Unix socket"));
    memset(path, 'x', 108); /* now it is a host name */
    assert_accepts("REDIS_HOST", path);
}

static void accepts_every_spelling_of_an_argument(void **state)
{
    static const char *const names[] = { "--REDIS_POOL_SIZE=9", "--redis_pool_size=9",
                                         "--redis-pool-size=9", "--Redis-Pool_SIZE=9" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct result r = load(ARGS((char *)names[i]), NONE);

        assert_int_equal(r.config.redis_pool_size, 9);
        config_done(&r.config);
    }
}

static void accepts_two_spellings_of_a_variable(void **state)
{
    static const struct {
        char *first, *second;
        uint64_t want;
    } cases[] = {
        { "LISTEN_PORT=81", "X=", 81 },
        { "listen_port=82", "X=", 82 },
        { "listen_port=82", "LISTEN_PORT=81", 81 },
        { "LISTEN_PORT=", "listen_port=82", 82 },
        { "LISTEN_PORT=", "listen_port=", 8080 },
        { "Listen_Port=83", "LISTEN_PORTS=84", 8080 },
        { "LISTEN_PORT", "LISTEN=85", 8080 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r = load(NONE, ARGS(cases[i].first, cases[i].second));

        assert_int_equal(r.rc, EH_OK);
        assert_int_equal(r.config.listen_port, cases[i].want);
        config_done(&r.config);
    }
}

static void accepts_handshake_timeout_as_an_alias(void **state)
{
    struct result r = load(NONE, ARGS("HANDSHAKE_TIMEOUT=3"));

    (void)state;
    assert_int_equal(r.config.websocket_handshake_timeout, 3);
    config_done(&r.config);

    r = load(NONE, ARGS("handshake_timeout=3", "WEBSOCKET_HANDSHAKE_TIMEOUT=4"));
    assert_int_equal(r.config.websocket_handshake_timeout, 4);
    config_done(&r.config);

    r = load(ARGS("--handshake-timeout=5"), ARGS("WEBSOCKET_HANDSHAKE_TIMEOUT=4"));
    assert_int_equal(r.config.websocket_handshake_timeout, 5);
    config_done(&r.config);
}

static void prefers_arguments_to_variables(void **state)
{
    struct result r = load(ARGS("--listen-port=1", "--listen-port=2"), ARGS("LISTEN_PORT=3"));

    (void)state;
    assert_int_equal(r.config.listen_port, 2);
    config_done(&r.config);

    r = load(ARGS("--listen-port="), ARGS("LISTEN_PORT=3"));
    assert_int_equal(r.config.listen_port, 3);
    config_done(&r.config);

    r = load(ARGS("--jwt-secret=a=b"), NONE);
    assert_string_equal(r.config.jwt_secret, "a=b");
    assert_false(config_has_default_secret(&r.config));
    config_done(&r.config);
}

static void refuses_malformed_arguments(void **state)
{
    static const struct {
        char *argument;
        const char *named; /* in the error */
    } cases[] = {
        { "--lisen-port=hunter2", "unknown option \"--lisen-port\"" },
        { "--", "unknown option \"--\"" },
        { "--=hunter2", "unknown option \"--\"" },
        { "--help=hunter2", "unknown option \"--help\"" },
        { "--helpme", "unknown option \"--helpme\"" },
        { "-h", "argument 1 must be --name=value" },
        { "", "argument 1 must be --name=value" },
        { "hunter2", "argument 1 must be --name=value" },
        { "JWT_SECRET=hunter2", "argument 1 must be --name=value" },
        { "-jwt_secret=hunter2", "argument 1 must be --name=value" },
        { "--jwt-secret", "JWT_SECRET needs a value: --jwt-secret=value" },
        { "--disable_auth", "DISABLE_AUTH needs a value" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r = load(ARGS(cases[i].argument), NONE);

        assert_int_equal(r.rc, EH_EINVAL);
        assert_non_null(strstr(r.why, cases[i].named));
        assert_null(strstr(r.why, "hunter2"));
    }
}

static void reports_the_value_and_the_allowed_range(void **state)
{
    struct result r = load(NONE, ARGS("listen_port=70000"));

    (void)state;
    assert_string_equal(r.why, "LISTEN_PORT must be a number from 0 to 65535, not \"70000\"");
    r = load(ARGS("--max-message-size=1t"), NONE);
    assert_string_equal(r.why,
                        "MAX_MESSAGE_SIZE must be a size in bytes, or with the suffix k, m or g, "
                        "from 128 to 64m, not \"1t\"");
    r = load(ARGS("--broker=ka\nf\xc3\xa9ka"), NONE);
    assert_string_equal(r.why, "BROKER must be redis or memory, not \"ka?f??ka\"");
}

static void recognizes_actions(void **state)
{
    static const struct {
        char *first, *second;
        enum config_action want;
    } cases[] = {
        { "--help", "--nonsense", CONFIG_HELP },
        { "--nonsense", "--HELP", CONFIG_HELP },
        { "--version", "--listen-port=x", CONFIG_VERSION },
        { "--help=markdown", "--help", CONFIG_MARKDOWN },
        { "--help=man", "--help", CONFIG_MAN },
        { "--help=metrics", "--help", CONFIG_METRICS },
        { "--check-config", "--listen-port=9", CONFIG_CHECK },
    };
    struct result r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        r = load(ARGS(cases[i].first, cases[i].second), ARGS("REDIS_PORT=9"));
        assert_int_equal(r.rc, EH_OK);
        assert_int_equal(r.action, cases[i].want);
        config_done(&r.config);
    }
    r = load(ARGS("--check-config"), ARGS("REDIS_PORT=x"));
    assert_int_equal(r.rc, EH_EINVAL);
}

static char *print(enum config_text kind)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    config_print_options(out, kind);
    (void)fclose(out);
    return text;
}

/* Every text names every option; no description holds markup of one of the formats. */
static void prints_every_option_in_every_text(void **state)
{
    (void)state;
    for (int kind = CONFIG_TEXT_HELP; kind <= CONFIG_TEXT_MAN; kind++) {
        char *text = print((enum config_text)kind);

        for (size_t i = 0; i < config_option_count; i++) {
            assert_non_null(strstr(text, config_options[i].name));
            assert_non_null(strstr(text, config_options[i].about));
            assert_null(strpbrk(config_options[i].about, "|\\`*\n"));
        }
        assert_non_null(strstr(text, "HANDSHAKE_TIMEOUT"));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_documented_defaults),
        cmocka_unit_test(has_the_documented_defaults_of_redis),
        cmocka_unit_test(sets_only_the_member_of_each_row),
        cmocka_unit_test(checks_the_bounds_of_every_row),
        cmocka_unit_test(parses_booleans),
        cmocka_unit_test(parses_sizes),
        cmocka_unit_test(parses_log_levels),
        cmocka_unit_test(checks_addresses_and_names),
        cmocka_unit_test(requires_named_pages_for_cookies),
        cmocka_unit_test(refuses_names_of_cookies_that_none_can_have),
        cmocka_unit_test(accepts_hosts_and_paths),
        cmocka_unit_test(names_frequent_mistakes),
        cmocka_unit_test(limits_the_length_of_socket_paths),
        cmocka_unit_test(accepts_every_spelling_of_an_argument),
        cmocka_unit_test(accepts_two_spellings_of_a_variable),
        cmocka_unit_test(accepts_handshake_timeout_as_an_alias),
        cmocka_unit_test(prefers_arguments_to_variables),
        cmocka_unit_test(refuses_malformed_arguments),
        cmocka_unit_test(reports_the_value_and_the_allowed_range),
        cmocka_unit_test(recognizes_actions),
        cmocka_unit_test(prints_every_option_in_every_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
