/* test_tls.c - creates TLS contexts from files, and refuses unusable files with an error text. */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/array.h"
#include "support/certs.h"

static struct certs certs;

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int set_up(void **state)
{
    (void)state;
    certs_make(&certs);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_remove(&certs);
    return 0;
}

static struct tls *server_with(const char *certificate)
{
    const struct tls_files files = { certificate, certs.key, "" };
    char why[TLS_WHY_MAX] = "";
    struct tls *t = NULL;

    if (tls_create(TLS_SERVER, &files, &t, why) < 0)
        fail_msg("%s", why);
    return t;
}

static void reports_the_certificate_of_a_server(void **state)
{
    struct tls *t = server_with(certs.cert);
    struct tls_certificate got;

    (void)state;
    assert_int_equal(tls_certificate(t, &got), EH_OK);
    assert_string_equal(got.name, "first");
    assert_true(got.not_before_s < time(NULL));
    assert_true(got.not_after_s > time(NULL) + 8 * 86400);
    assert_true(got.not_after_s < time(NULL) + 10 * 86400);
    tls_free(t);
}

static void falls_back_to_a_dns_name(void **state)
{
    struct tls *t = server_with(certs.nameless);
    struct tls_certificate got;

    (void)state;
    assert_int_equal(tls_certificate(t, &got), EH_OK);
    assert_string_equal(got.name, "localhost");
    tls_free(t);
}

static void accepts_an_expired_certificate(void **state)
{
    struct tls *t = server_with(certs.expired);
    struct tls_certificate got;

    (void)state;
    assert_int_equal(tls_certificate(t, &got), EH_OK);
    assert_true(got.not_after_s < time(NULL));
    tls_free(t);
}

static void accepts_a_ca_of_the_certificate_or_another(void **state)
{
    const char *const cas[] = { certs.ca, certs.other_ca };
    const char *const certificates[] = { certs.cert, certs.expired };
    char why[TLS_WHY_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cas); i++) {
        const struct tls_files files = { certificates[i], certs.key, cas[i] };
        struct tls *t;

        assert_int_equal(tls_create(TLS_SERVER, &files, &t, why), EH_OK);
        tls_free(t);
    }
}

static void names_the_unusable_file(void **state)
{
    const char *missing = "/nonexistent/file.pem";
    const struct {
        struct tls_files files;
        const char *culprit;
        const char *why;
    } cases[] = {
        { { missing, certs.key, "" }, missing, "No such file or directory" },
        { { "", certs.key, "" }, "certificate", "No such file or directory" },
        { { certs.dir, certs.key, "" }, certs.dir, "Is a directory" },
        { { certs.junk, certs.key, "" }, certs.junk, "not in PEM form" },
        { { certs.key, certs.key, "" }, certs.key, "not in PEM form" },
        { { certs.cert, missing, "" }, missing, "No such file or directory" },
        { { certs.cert, "", "" }, "private key", "No such file or directory" },
        { { certs.cert, certs.junk, "" }, certs.junk, "no private key" },
        { { certs.cert, certs.cert, "" }, "private key", "no private key" },
        { { certs.cert, certs.other_key, "" }, certs.other_key, "does not belong to certificate" },
        { { certs.cert, certs.rsa_key, "" }, certs.rsa_key, "does not belong to certificate" },
        { { certs.cert, certs.encrypted_key, "" }, certs.encrypted_key, "encrypted" },
        { { certs.cert, certs.key, missing }, missing, "No such file or directory" },
        { { certs.cert, certs.key, certs.junk }, certs.junk, "no certificate" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[TLS_WHY_MAX] = "";
        struct tls *t = NULL;

        assert_int_equal(tls_create(TLS_SERVER, &cases[i].files, &t, why), EH_EINVAL);
        assert_null(t);
        if (!strstr(why, cases[i].culprit) || !strstr(why, cases[i].why))
            fail_msg("case %zu: %s", i, why);
    }
}

static void needs_no_certificate_as_a_client(void **state)
{
    const struct tls_files files = { "", "", certs.ca };
    struct tls_certificate got;
    char why[TLS_WHY_MAX];
    struct tls *t;

    (void)state;
    assert_int_equal(tls_create(TLS_CLIENT, &files, &t, why), EH_OK);
    assert_int_equal(tls_certificate(t, &got), EH_ENOENT);
    tls_free(t);
}

static void refuses_unusable_files_as_a_client(void **state)
{
    const struct tls_files cases[] = {
        { "", "", certs.junk },
        { certs.junk, certs.key, certs.ca },
        { certs.cert, certs.other_key, certs.ca },
    };
    char why[TLS_WHY_MAX];
    struct tls *t = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(tls_create(TLS_CLIENT, &cases[i], &t, why), EH_EINVAL);
    assert_null(t);
}

/* Checks the name that is sent (SNI), and the host that the certificate must be valid for. */
static void requests_and_verifies_the_host_as_a_client(void **state)
{
    const struct tls_files files = { "", "", certs.ca };
    const struct {
        const char *host, *sent, *name, *address;
    } cases[] = {
        { "redis.example", "redis.example", "redis.example", NULL },
        { "redis.example.", "redis.example", "redis.example", NULL },
        { "10.0.0.5", NULL, NULL, "10.0.0.5" },
        { "2001:db8::5", NULL, NULL, "2001:DB8:0:0:0:0:0:5" },
    };
    char why[TLS_WHY_MAX];
    struct tls *t;

    (void)state;
    assert_int_equal(tls_create(TLS_CLIENT, &files, &t, why), EH_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL *ssl = tls_session(t, cases[i].host);
        char *address = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(ssl));

        assert_true(is_same(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), cases[i].sent));
        assert_true(is_same(X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0), cases[i].name));
        assert_true(is_same(address, cases[i].address));
        assert_int_equal(SSL_get_verify_mode(ssl), SSL_VERIFY_PEER);
        OPENSSL_free(address);
        SSL_free(ssl);
    }
    tls_free(t);
}

static void verifies_nothing_as_an_insecure_client(void **state)
{
    const struct tls_files files = { "", "", "" };
    char why[TLS_WHY_MAX];
    struct tls *t;
    SSL *ssl;

    (void)state;
    assert_int_equal(tls_create(TLS_CLIENT_INSECURE, &files, &t, why), EH_OK);
    ssl = tls_session(t, "redis.example");
    assert_int_equal(SSL_get_verify_mode(ssl), SSL_VERIFY_NONE);
    assert_string_equal(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), "redis.example");
    SSL_free(ssl);
    tls_free(t);
}

static void keeps_the_old_certificate_when_a_reload_fails(void **state)
{
    struct tls *t = server_with(certs.cert);
    const struct tls_files second = { certs.second, certs.key, "" };
    const struct tls_files bad = { certs.cert, certs.other_key, "" };
    struct tls_certificate got;
    char why[TLS_WHY_MAX] = "";

    (void)state;
    assert_int_equal(tls_reload(t, &second, why), EH_OK);
    assert_int_equal(tls_certificate(t, &got), EH_OK);
    assert_string_equal(got.name, "second");
    assert_int_equal(tls_reload(t, &bad, why), EH_EINVAL);
    assert_non_null(strstr(why, "does not belong"));
    assert_int_equal(tls_certificate(t, &got), EH_OK);
    assert_string_equal(got.name, "second");
    tls_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_the_certificate_of_a_server),
        cmocka_unit_test(falls_back_to_a_dns_name),
        cmocka_unit_test(accepts_an_expired_certificate),
        cmocka_unit_test(accepts_a_ca_of_the_certificate_or_another),
        cmocka_unit_test(names_the_unusable_file),
        cmocka_unit_test(needs_no_certificate_as_a_client),
        cmocka_unit_test(requests_and_verifies_the_host_as_a_client),
        cmocka_unit_test(refuses_unusable_files_as_a_client),
        cmocka_unit_test(verifies_nothing_as_an_insecure_client),
        cmocka_unit_test(keeps_the_old_certificate_when_a_reload_fails),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
