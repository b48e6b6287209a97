/* temp_dir.h - a directory for one test.
 * Owns:    the directory and the files in it, until temp_dir_done.
 * Fails:   a step that fails aborts the test program.
 */
#ifndef EH_TESTS_TEMP_DIR_H
#define EH_TESTS_TEMP_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define TEMP_DIR_PATH_MAX 128 /* longest path of a file in it, with the NUL */

struct temp_dir {
    char path[64];
};

static inline void temp_dir_init(struct temp_dir *d)
{
    (void)snprintf(d->path, sizeof(d->path), "/tmp/eventhub-test-XXXXXX");
    if (!mkdtemp(d->path))
        abort();
}

/* Writes the path of a file to ret, which has TEMP_DIR_PATH_MAX bytes, and returns ret. */
static inline const char *temp_dir_path(const struct temp_dir *d, const char *name, char *ret)
{
    int n = snprintf(ret, TEMP_DIR_PATH_MAX, "%s/%s", d->path, name);

    if (n < 0 || n >= TEMP_DIR_PATH_MAX)
        abort();
    return ret;
}

static inline void temp_dir_write(const struct temp_dir *d, const char *name, struct str text)
{
    char path[TEMP_DIR_PATH_MAX];
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
        (void)unlink(path); /* fails for "." and ".." */
    }
    closedir(dir);
    if (rmdir(d->path) < 0)
        abort();
}

#endif
