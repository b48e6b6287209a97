#include "app/certificates.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { CERTIFICATE, PRIVATE_KEY, CA, FILES };

struct certificates {
    struct tls *tls;
    struct tls_files files;
    struct stat seen[FILES]; /* of the files, just before they were last read */
    struct loop *loop;
    struct timer check;
    uint64_t check_ms; /* 0: no checks */
    struct metrics_cell *metrics;
};

/* ---- log and metrics ---- */

static void report(struct certificates *c)
{
    int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
    struct tls_certificate x;
    char text[32];
    time_t end;
    struct tm tm;

    if (tls_certificate(c->tls, &x) < 0)
        return;
    metrics_set(c->metrics, METRIC_CERT_EXPIRES_S, (uint64_t)x.not_after_s);
    end = (time_t)x.not_after_s;
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
    if (x.not_after_s < now_s)
        log_warn("certificate_expired", LOG_Z("name", x.name), LOG_Z("expired", text));
    else if (x.not_before_s > now_s)
        log_warn("certificate_not_valid_yet", LOG_Z("name", x.name));
    else
        log_info("certificate_loaded", LOG_Z("name", x.name), LOG_Z("expires", text));
}

/* ---- files ---- */

static void look(const struct certificates *c, struct stat ret[FILES])
{
    const char *const paths[FILES] = {
        [CERTIFICATE] = c->files.certificate,
        [PRIVATE_KEY] = c->files.private_key,
        [CA] = c->files.ca,
    };

    for (int i = 0; i < FILES; i++) {
        if (!paths[i][0] || stat(paths[i], &ret[i]) < 0)
            ret[i] = (struct stat){ 0 };
    }
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void certificates_reload(struct certificates *c)
{
    char why[TLS_WHY_MAX];

    if (!c)
        return;
    look(c, c->seen); /* before the files are read, so that the next check sees later changes */
    if (tls_reload(c->tls, &c->files, why) == EH_OK) {
        report(c);
        return;
    }
    metrics_inc(c->metrics, METRIC_CERT_REFUSED);
    log_error("certificate_refused", LOG_Z("why", why),
              LOG_Z("consequence", "the previous certificate stays in use"));
}

/* Tries each change once. If the files are replaced one after the other, the first attempt may
 * fail; the second file is another change. */
static void on_check(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, check);
    struct stat now[FILES];
    bool changed = false;

    look(c, now);
    for (int i = 0; i < FILES; i++)
        changed = changed || !is_same(&now[i], &c->seen[i]);
    if (changed)
        certificates_reload(c);
    loop_timer(c->loop, t, c->check_ms);
}

/* ---- load, start, stop ---- */

int certificates_load(const struct config *config, struct certificates **ret, struct buf *why)
{
    const char *wrong = NULL;
    char reason[TLS_WHY_MAX];
    struct certificates *c;

    if (config->disable_unsecure_listener && !config->enable_ssl && !config->listen_unix[0])
        wrong = "DISABLE_UNSECURE_LISTENER requires ENABLE_SSL or LISTEN_UNIX: nothing is left to "
                "listen on";
    else if (config->enable_ssl && !config->ssl_certificate[0])
        wrong = "ENABLE_SSL requires SSL_CERTIFICATE";
    else if (config->enable_ssl && !config->ssl_private_key[0])
        wrong = "ENABLE_SSL requires SSL_PRIVATE_KEY";
    if (wrong) {
        buf_addf(why, "%s", wrong);
        return EH_EINVAL;
    }
    *ret = NULL;
    if (!config->enable_ssl)
        return EH_OK;
    c = mem_zalloc(sizeof(*c));
    c->files = (struct tls_files){ .certificate = config->ssl_certificate,
                                   .private_key = config->ssl_private_key,
                                   .ca = config->ssl_ca_certificate };
    c->check_ms = config->ssl_cert_auto_reload ? config->ssl_cert_check_interval * 1000 : 0;
    timer_init(&c->check, on_check);
    look(c, c->seen);
    if (tls_create(TLS_SERVER, &c->files, &c->tls, reason) < 0) {
        buf_addf(why, "TLS: %s", reason);
        certificates_free(c);
        return EH_EINVAL;
    }
    *ret = c;
    return EH_OK;
}

void certificates_start(struct certificates *c, struct loop *lp, struct metrics_cell *metrics)
{
    if (!c)
        return;
    c->loop = lp;
    c->metrics = metrics;
    report(c);
    if (c->check_ms)
        loop_timer(lp, &c->check, c->check_ms);
}

void certificates_stop(struct certificates *c)
{
    if (c)
        timer_stop(&c->check);
}

struct tls *certificates_tls(const struct certificates *c)
{
    return c ? c->tls : NULL;
}

void certificates_free(struct certificates *c)
{
    if (!c)
        return;
    assert(!timer_is_running(&c->check)); /* its loop may be freed already */
    tls_free(c->tls);
    free(c);
}
