#include "ctl/command.h"

#include <string.h>

#include "base/array.h"

const struct ctl_exit_text command_exits[] = {
    { CTL_OK, "done" },
    { CTL_NEGATIVE, "the answer is no: the key does not exist, the server is not ready, messages "
                    "were lost, a publish was refused" },
    { CTL_USAGE, "wrong options, arguments or files" },
    { CTL_NO_CONNECTION, "no connection: the server cannot be reached, its certificate is not "
                         "trusted, or it is not an Eventhub server" },
    { CTL_NOT_PERMITTED, "the token is missing, not valid or expired, or does not give the right" },
    { CTL_TIMEOUT, "the time is up: the server did not answer, or --timeout ended the command" },
    { CTL_INTERRUPTED, "stopped by Ctrl-C or SIGTERM" },
};
const size_t command_exit_count = ARRAY_LEN(command_exits);

/* Returns how many of the words the name takes: 1 or 2; 0: it is another name. */
static size_t match(const char *name, char *const *words, size_t n)
{
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);

    if (n == 0 || strncmp(words[0], name, first) != 0 || words[0][first])
        return 0;
    if (!space)
        return 1;
    return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct command *command_find(const struct command *const *commands, char *const *words,
                                   size_t n, size_t *ret_used)
{
    const struct command *found = NULL;

    *ret_used = 0;
    for (; *commands; commands++) {
        size_t used = match((*commands)->name, words, n);

        if (used > *ret_used) {
            found = *commands;
            *ret_used = used;
        }
    }
    return found;
}

bool command_is_in_group(const struct command *c, const char *word)
{
    size_t n = strlen(word);

    return strncmp(c->name, word, n) == 0 && (c->name[n] == ' ' || !c->name[n]);
}
