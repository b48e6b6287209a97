/* An identity provider replaces its keys whenever it likes. Most publish the next key days before
 * they use it; some, such as Keycloak, sign with a new key at once. So the set is fetched on a
 * schedule, and also when a token has a kid that the set lacks. Some sets have no kids: there it is
 * a token whose signature fits none of the keys.
 *
 *   worker    token with kid "new"           token with kid "new"
 *             no key, set is 40 s old        no key, set is 1 s old      key found
 *             503, Retry-After      \         503 (a fetch is under way)   101
 *   provider ------------------------ asks ---- fetches ---- swaps the set --------
 *
 * The handshake does not wait: it is answered with 503, and the client comes back a moment later. A
 * set that is younger than 10 s is believed, so a forged token is answered with 401, and at most
 * one fetch in 10 s is made for such tokens, no matter how many there are.
 *
 * The thread sleeps on a condition until the next fetch is due. Its mutex guards the schedule only
 * and is not held during a fetch. The workers see the result through the key store. */
#include "app/key_provider.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "app/jwks_http.h"
#include "app/jwks_schedule.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/jwks.h"
#include "net/tls.h"

struct key_provider {
    const struct config *config;
    struct key_store *store;
    struct metrics_cell *metrics;
    struct jwks_http *http;
    pthread_t thread;
    bool has_keys;              /* of the thread: a set was fetched, ever */
    struct jwks_result skipped; /* of the thread: what was last logged */
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t woken; /* on the monotonic clock */
    struct jwks_schedule schedule;
};

/* ---- a fetch ---- */

/* Warns once, and again when the skipped keys change: many sets hold a key for encryption, and that
 * needs no attention. The reasons are constants, so comparing pointers is enough. */
static void warn_of_skipped(struct key_provider *p, const struct jwks_result *result)
{
    bool is_known =
        result->n_skipped == p->skipped.n_skipped && result->why_skipped == p->skipped.why_skipped;

    p->skipped = *result;
    if (result->n_skipped && !is_known)
        log_warn("keys_skipped", LOG_Z("from", "JWT_JWKS_URL"), LOG_N("keys", result->n_skipped),
                 LOG_Z("why", result->why_skipped));
}

static void take(struct key_provider *p, struct keyring *keys, const struct jwks_result *result)
{
    log_info("jwks_fetched", LOG_N("keys", result->n_used));
    warn_of_skipped(p, result);
    metrics_set(p->metrics, METRIC_TOKEN_KEYS, result->n_used);
    metrics_inc(p->metrics, METRIC_JWKS_FETCHED);
    key_store_fetched(p->store, keys);
    p->has_keys = true;
}

/* The log has the whole reason. Anybody may ask whether the server is ready, and is not told which
 * host it cannot reach. */
static void fail(struct key_provider *p, int rc, const char *why)
{
    log_error("jwks_failed", LOG_Z("why", why),
              LOG_Z("consequence", p->has_keys ? "the keys that were fetched before stay in use"
                                               : "tokens are answered with 503 until then"));
    metrics_inc(p->metrics, METRIC_JWKS_FAILED);
    key_store_failed(p->store, rc == EH_EIO
                                   ? "the key provider cannot be reached"
                                   : "the key provider did not answer with keys that can be used");
}

/* Returns whether there are new keys. */
static bool fetch(struct key_provider *p, uint64_t *ret_max_age_s)
{
    const struct jwks_request rq = { p->config->jwt_jwks_url, p->config->jwt_jwks_ca,
                                     &p->is_stopping };
    struct keyring *keys = keyring_create();
    struct jwks_answer answer = { 0 };
    struct jwks_result result;
    char text[JWKS_HTTP_WHY_MAX];
    const char *why = text;
    int rc = jwks_http_get(p->http, &rq, &answer, text);

    if (rc == EH_OK)
        why = jwks_read(buf_str(&answer.body), false, keys, &result);
    buf_done(&answer.body);
    *ret_max_age_s = answer.max_age_s;
    if (!why) {
        take(p, keys, &result);
        return true;
    }
    keyring_unref(keys);
    if (!atomic_load(&p->is_stopping)) /* otherwise it was interrupted */
        fail(p, rc, why);
    return false;
}

/* ---- the thread ---- */

static void sleep_until_due(struct key_provider *p, uint64_t wait_ms)
{
    struct timespec until;
    uint64_t ms;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    ms = (uint64_t)until.tv_nsec / 1000000 + wait_ms;
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec = (long)(ms % 1000) * 1000000 + until.tv_nsec % 1000000;
    (void)pthread_cond_timedwait(&p->woken, &p->lock, &until);
}

static void *provider_main(void *arg)
{
    struct key_provider *p = arg;

    (void)pthread_setname_np(pthread_self(), "key-provider");
    pthread_mutex_lock(&p->lock);
    while (!atomic_load(&p->is_stopping)) {
        uint64_t wait_ms = jwks_schedule_wait_ms(&p->schedule, clock_mono_ms()), max_age_s;
        bool is_new;

        if (wait_ms) {
            sleep_until_due(p, wait_ms);
            continue;
        }
        jwks_schedule_begin(&p->schedule, clock_mono_ms());
        pthread_mutex_unlock(&p->lock);
        is_new = fetch(p, &max_age_s);
        pthread_mutex_lock(&p->lock);
        if (is_new)
            jwks_schedule_succeeded(&p->schedule, clock_mono_ms(), max_age_s);
        else
            jwks_schedule_failed(&p->schedule, clock_mono_ms());
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* On a worker's thread. */
static bool on_ask(void *arg)
{
    struct key_provider *p = arg;
    uint64_t now_ms = clock_mono_ms();
    bool is_worth_it;

    pthread_mutex_lock(&p->lock);
    is_worth_it = jwks_schedule_ask(&p->schedule, now_ms);
    if (jwks_schedule_wait_ms(&p->schedule, now_ms) == 0)
        pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->lock);
    return is_worth_it;
}

/* ---- start, stop ---- */

static bool is_used(const struct config *config)
{
    return config->jwt_jwks_url[0] && !config->disable_auth;
}

int key_provider_check(const struct config *config, struct buf *why)
{
    const struct tls_files files = { .certificate = "",
                                     .private_key = "",
                                     .ca = config->jwt_jwks_ca };
    char reason[TLS_WHY_MAX];
    struct jwks_http *http = NULL;
    struct tls *tls;

    if (is_used(config) && jwks_http_create(&http, why) < 0)
        return EH_EINVAL;
    jwks_http_free(http);
    if (!config->jwt_jwks_ca[0])
        return EH_OK;
    if (tls_create(TLS_CLIENT, &files, &tls, reason) < 0) {
        buf_addf(why, "JWT_JWKS_CA: %s", reason);
        return EH_EINVAL;
    }
    tls_free(tls);
    return EH_OK;
}

static void provider_free(struct key_provider *p)
{
    pthread_cond_destroy(&p->woken);
    pthread_mutex_destroy(&p->lock);
    jwks_http_free(p->http);
    free(p);
}

/* key_provider_check has found the library, so this hardly ever fails. */
static int open_http(struct jwks_http **ret)
{
    struct buf why = { 0 };
    int rc = jwks_http_create(ret, &why);

    if (rc < 0)
        log_error("jwks_failed", LOG_S("why", buf_str(&why)));
    buf_done(&why);
    return rc;
}

int key_provider_start(const struct config *config, struct key_store *store,
                       struct metrics_cell *metrics, struct key_provider **ret)
{
    struct key_provider *p;
    struct jwks_http *http;
    pthread_condattr_t monotonic;

    *ret = NULL;
    if (!is_used(config))
        return EH_OK;
    EH_TRY(open_http(&http));
    p = mem_zalloc(sizeof(*p));
    p->http = http;
    p->config = config;
    p->store = store;
    p->metrics = metrics;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    jwks_schedule_init(&p->schedule, config->jwt_jwks_refresh, clock_mono_ms());
    key_store_expect(store, on_ask, p);
    if (pthread_create(&p->thread, NULL, provider_main, p) != 0) {
        provider_free(p);
        return EH_EIO;
    }
    *ret = p;
    return EH_OK;
}

void key_provider_stop(struct key_provider *p)
{
    if (!p)
        return;
    atomic_store(&p->is_stopping, true);
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    provider_free(p);
}
