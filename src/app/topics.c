#include "app/topics.h"

#include "app/config/topics_file.h"
#include "base/log.h"

void topics_reload(const struct config *config, struct topic_store *store,
                   struct metrics_cell *metrics)
{
    struct topic_settings *settings;
    struct buf why = { 0 };
    size_t n;

    if (!store)
        return;
    if (topics_file_load(config, &settings, &why) == EH_OK) {
        n = topic_settings_count(settings);
        topic_store_replace(store, settings);
        log_info("topics_loaded", LOG_N("patterns", n)); /* from now on they count */
    } else {
        metrics_inc(metrics, METRIC_TOPICS_REFUSED);
        log_error("topics_refused", LOG_S("why", buf_str(&why)),
                  LOG_Z("consequence", "the previous settings stay in use"));
    }
    buf_done(&why);
}
