#include "base/environment.h"

#include <stddef.h>
#include <string.h>

const char *environment_find(char *const *environment, const char *name)
{
    const size_t n = strlen(name);

    for (; *environment; environment++) {
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return (*environment)[n + 1] ? *environment + n + 1 : NULL;
    }
    return NULL;
}
