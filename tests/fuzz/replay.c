/* replay.c - the main function of a fuzz target in builds without libFuzzer. It runs the target
 * over the named files, and over all files in the named directories. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t n_run;

static bool replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(size ? size : 1); /* of its exact size: asan sees reads past its end */
    bool ok = f && p && fread(p, 1, size, f) == size;

    if (ok) {
        (void)LLVMFuzzerTestOneInput(p, size);
        n_run++;
    } else {
        perror(path);
    }
    free(p);
    if (f)
        (void)fclose(f);
    return ok;
}

static bool replay(const char *path);

static bool replay_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char child[PATH_MAX];
    bool ok = true;

    if (!dir) {
        perror(path);
        return false;
    }
    while (ok && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        ok = replay(child);
    }
    (void)closedir(dir);
    return ok;
}

static bool replay(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        perror(path);
        return false;
    }
    return S_ISDIR(st.st_mode) ? replay_dir(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!replay(argv[i]))
            return 1;
    }
    printf("%zu inputs\n", n_run);
    return n_run > 0 ? 0 : 1;
}
