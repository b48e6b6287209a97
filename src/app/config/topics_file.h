/* topics_file.h - reads TOPICS_FILE.
 * Thread:  main, which may read files.
 * Fails:   with EH_EINVAL and one line in *why, which names the option, the file and the line.
 */
#ifndef EH_APP_TOPICS_FILE_H
#define EH_APP_TOPICS_FILE_H

#include "app/config/config.h"
#include "base/buf.h"
#include "hub/topic_settings.h"

/* *ret is NULL if the option is not set. */
int topics_file_load(const struct config *config, struct topic_settings **ret,
                     struct buf *why) EH_MUST_USE;

#endif
