/* topics.h - reads TOPICS_FILE again on SIGHUP.
 * Thread:  main, which may read files.
 * Fails:   a failed reload keeps the previous settings, and is logged and counted.
 */
#ifndef EH_APP_TOPICS_H
#define EH_APP_TOPICS_H

#include "app/config/config.h"
#include "app/conn/topic_store.h"
#include "hub/metrics.h"

/* Reads the file of the running options. Messages that are in the log stay there until the next
 * publish to their topic. */
void topics_reload(const struct config *config, struct topic_store *store,
                   struct metrics_cell *metrics); /* store NULL: TOPICS_FILE is not set */

#endif
