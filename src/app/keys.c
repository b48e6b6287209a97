#include "app/keys.h"

#include "app/config/config_warn.h"
#include "app/config/token_keys.h"
#include "base/log.h"

static void report(size_t n, const struct jwks_result *skipped, struct metrics_cell *metrics)
{
    metrics_set(metrics, METRIC_TOKEN_KEYS, n);
    if (skipped->n_skipped)
        log_warn("keys_skipped", LOG_Z("file", "JWT_JWKS_FILE"), LOG_N("keys", skipped->n_skipped),
                 LOG_Z("why", skipped->why_skipped));
}

void keys_started(const struct config *config, struct key_store *store,
                  const struct jwks_result *skipped, struct metrics_cell *metrics)
{
    struct key_rings keys;

    key_store_take(store, &keys);
    config_warn(config, keys.own);
    report(keyring_count(keys.own), skipped, metrics);
    keyring_unref(keys.own);
    keyring_unref(keys.fetched);
}

void keys_reload(const struct config *config, struct key_store *store, struct metrics_cell *metrics)
{
    struct keyring *keys = NULL;
    struct jwks_result skipped;
    struct buf why = { 0 };
    size_t n;

    if (token_keys_load(config, &keys, &skipped, &why) == EH_OK) {
        n = keyring_count(keys);
        key_store_replace(store, keys);
        log_info("keys_loaded", LOG_N("keys", n)); /* from now on they count */
        report(n, &skipped, metrics);
    } else {
        metrics_inc(metrics, METRIC_KEYS_REFUSED);
        log_error("keys_refused", LOG_S("why", buf_str(&why)),
                  LOG_Z("consequence", "the previous keys stay in use"));
    }
    buf_done(&why);
}
