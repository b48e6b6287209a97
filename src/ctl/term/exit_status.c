#include "ctl/term/exit_status.h"

#include "base/array.h"

const struct exit_status_text exit_status_texts[] = {
    { CTL_OK, "done" },
    { CTL_NEGATIVE, "the answer is no: the key does not exist, the server is not ready, messages "
                    "were lost, a publish was refused" },
    { CTL_USAGE, "wrong options, arguments or files" },
    { CTL_NO_CONNECTION, "no connection: the server cannot be reached or does not answer, its "
                         "certificate is not trusted, or it is not an Eventhub server" },
    { CTL_NOT_PERMITTED, "the token is missing, not valid or expired, or does not give the right" },
    { CTL_TIMEOUT, "the time is up: the server did not answer after the handshake, or "
                   "--timeout ended the command" },
    { CTL_INTERRUPTED, "stopped by Ctrl-C or SIGTERM" },
};
const size_t exit_status_count = ARRAY_LEN(exit_status_texts);
