#include "app/config/topics_file.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

int topics_file_load(const struct config *config, struct topic_settings **ret, struct buf *why)
{
    const char *path = config->topics_file;
    struct buf text = { 0 }, fault = { 0 };
    int rc;

    *ret = NULL;
    if (!path[0])
        return EH_OK;
    rc = file_read(path, TOPIC_SETTINGS_BYTES, &text);
    if (rc == EH_OK)
        rc = topic_settings_parse(buf_str(&text), config->max_message_size, ret, &fault);
    else
        buf_addf(&fault, " %s", rc == EH_ELIMIT ? "the file is larger than 512k" : strerror(errno));
    if (rc < 0)
        buf_addf(why, "TOPICS_FILE: %s:%.*s", path, STR_ARG(buf_str(&fault)));
    buf_done(&text);
    buf_done(&fault);
    return rc < 0 ? EH_EINVAL : EH_OK;
}
