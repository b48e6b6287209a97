#include "app/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/buf.h"

#define PROC_CGROUP_MAX (64 * 1024)

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Reads the number in a file. "max" or a missing file means no limit. */
static uint64_t read_limit(const char *path)
{
    struct buf text = { 0 };
    uint64_t limit = UINT64_MAX;
    struct str rest, line;

    if (file_read(path, 64, &text) == EH_OK) {
        rest = buf_str(&text);
        if (!str_cut(&rest, '\n', &line) || str_parse_u64(line, &limit) < 0)
            limit = UINT64_MAX;
    }
    buf_done(&text);
    return limit;
}

/* Returns the least limit of the group and of all groups above it. In a container the path may be
 * that on the host; then only the topmost group, the root of the container, exists. */
static uint64_t of_group(const char *root, const char *mount, struct str group, const char *file)
{
    uint64_t limit = UINT64_MAX;
    char path[PATH_MAX];

    for (;;) {
        (void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%.*s/%s", root, mount, STR_ARG(group),
                       file);
        limit = smaller(limit, read_limit(path));
        if (group.n == 0)
            return limit;
        while (group.n && group.p[--group.n] != '/')
            ;
    }
}

static bool has_controller(struct str list, const char *name)
{
    struct str each;

    while (str_cut(&list, ',', &each)) {
        if (str_eq(each, str_of(name)))
            return true;
    }
    return false;
}

/* Returns the limit of a group, given its line in /proc/self/cgroup:
 * "0::/system.slice/eventhub.service" or "4:memory:/group". */
static uint64_t of_line(const char *root, struct str line)
{
    struct str number, controllers;

    (void)str_cut(&line, ':', &number);
    (void)str_cut(&line, ':', &controllers);
    if (!line.p)
        return UINT64_MAX;
    if (str_eq(line, STR("/")))
        line.n = 0;
    if (controllers.n == 0)
        return of_group(root, "", line, "memory.max");
    if (has_controller(controllers, "memory"))
        return of_group(root, "/memory", line, "memory.limit_in_bytes");
    return UINT64_MAX;
}

uint64_t memory_available(const char *root)
{
    uint64_t limit = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct buf text = { 0 };
    struct str rest, line;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    if (file_read(path, PROC_CGROUP_MAX, &text) == EH_OK) {
        rest = buf_str(&text);
        while (str_cut(&rest, '\n', &line))
            limit = smaller(limit, of_line(root, line));
    }
    buf_done(&text);
    return limit;
}
