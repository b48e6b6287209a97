#include "app/http/console_files.h"

#include "base/array.h"

static const struct console_file files[] = {
#include "console_files.inc"
};

const struct console_file *console_file_find(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (str_eq(path, str_of(files[i].path)))
            return &files[i];
    }
    return NULL;
}
