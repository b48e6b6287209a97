#include "ctl/line/command.h"

#include <string.h>

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
