/* temp_dir.h - a directory of its own for one test, with files in it.
 * Owns: the directory and what stands in it, until temp_dir_done.
 */
#ifndef EH_TESTS_TEMP_DIR_H
#define EH_TESTS_TEMP_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

struct temp_dir {
    char path[64];
};

static inline void temp_dir_init(struct temp_dir *d)
{
    (void)snprintf(d->path, sizeof(d->path), "/tmp/eventhub-test-XXXXXX");
    if (!mkdtemp(d->path))
        abort();
}

/* `ret` has room for 128 bytes. */
static inline const char *temp_dir_path(const struct temp_dir *d, const char *name, char *ret)
{
    (void)snprintf(ret, 128, "%s/%s", d->path, name);
    return ret;
}

static inline void temp_dir_write(const struct temp_dir *d, const char *name, struct str text)
{
    char path[128];
    FILE *f = fopen(temp_dir_path(d, name, path), "w");

    if (!f || fwrite(text.p, 1, text.n, f) != text.n || fclose(f) != 0)
        abort();
}

static inline void temp_dir_done(const struct temp_dir *d)
{
    DIR *dir = opendir(d->path);
    struct dirent *entry;
    char path[512];

    while (dir && (entry = readdir(dir))) {
        (void)snprintf(path, sizeof(path), "%s/%s", d->path, entry->d_name);
        (void)unlink(path); /* not "." and ".." */
    }
    closedir(dir);
    if (rmdir(d->path) < 0)
        abort();
}

#endif
