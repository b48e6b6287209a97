#include "ctl/line/arguments.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "hub/topic.h"
#include "proto/utf8.h"

#define SPELLING                                                                                   \
    "levels of the characters a-z A-Z 0-9 - _, separated by /, at most 256 bytes in all"

int argument_topic(struct term *t, const char *text)
{
    if (topic_is_valid(str_of(text)))
        return CTL_OK;
    if (pattern_is_valid(str_of(text)))
        term_error(t, "\"%s\" is a pattern: name one topic, without + and #", text);
    else
        term_error(t, "\"%s\" is not a valid topic: use " SPELLING, text);
    return CTL_USAGE;
}

int argument_filter(struct term *t, const char *text)
{
    if (filter_is_valid(str_of(text)))
        return CTL_OK;
    term_error(t,
               "\"%s\" is not a valid topic or pattern: use " SPELLING
               ", and as a whole level + for any level or, at the end, # for any number of levels",
               text);
    return CTL_USAGE;
}

int argument_key(struct term *t, const char *text)
{
    if (topic_is_valid(str_of(text)))
        return CTL_OK;
    term_error(t, "\"%s\" is not a valid key: use " SPELLING, text);
    return CTL_USAGE;
}

int argument_file(struct term *t, const char *path, struct buf *ret)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "stdin" : path;
    int rc = is_stdin ? file_read_stdin(ARGUMENT_TEXT_MAX, ret)
                      : file_read(path, ARGUMENT_TEXT_MAX, ret);

    if (rc == EH_OK && utf8_is_valid(buf_str(ret)))
        return CTL_OK;
    if (rc == EH_EIO)
        term_error(t, "cannot read %s: %s", name, strerror(errno));
    else if (rc == EH_ELIMIT)
        term_error(t, "%s is larger than %d MiB, the most that a server can be set to accept", name,
                   ARGUMENT_TEXT_MAX >> 20);
    else
        term_error(t, "%s is not UTF-8 text: encode it, for example with base64", name);
    return CTL_USAGE;
}
