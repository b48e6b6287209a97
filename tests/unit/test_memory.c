/* test_memory.c - the limits of control groups, read below a directory that imitates a root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>

#include "app/memory.h"
#include "base/array.h"
#include "support/temp_dir.h"

#define ALL 0 /* the memory of the machine */

struct file {
    const char *name, *text;
};

static const struct {
    const char *cgroup; /* /proc/self/cgroup */
    struct file files[4];
    uint64_t want;
} cases[] = {
    { NULL, { { NULL, NULL } }, ALL },
    { "", { { NULL, NULL } }, ALL },
    { "0::/\n", { { "sys/fs/cgroup/memory.max", "1000000\n" } }, 1000000 }, /* a container */
    { "0::/a/b\n", { { "sys/fs/cgroup/a/b/memory.max", "2000000\n" } }, 2000000 },
    { "0::/a/b\n",
      { { "sys/fs/cgroup/a/b/memory.max", "max\n" },
        { "sys/fs/cgroup/a/memory.max", "3000000\n" } },
      3000000 },
    { "0::/a/b\n",
      { { "sys/fs/cgroup/a/b/memory.max", "4000000\n" },
        { "sys/fs/cgroup/a/memory.max", "3000000\n" } },
      3000000 },
    { "0::/of/the/host\n", { { "sys/fs/cgroup/memory.max", "5000000\n" } }, 5000000 },
    { "0::/a\n", { { "sys/fs/cgroup/a/memory.max", "max\n" } }, ALL },
    { "0::/a\n", { { "sys/fs/cgroup/a/memory.max", "99999999999999999\n" } }, ALL },
    { "5:cpu,memory:/m\n4:pids:/p\n",
      { { "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "6000000\n" },
        { "sys/fs/cgroup/memory/p/memory.limit_in_bytes", "1\n" } },
      6000000 },
    { "5:memory:/docker/abc\n",
      { { "sys/fs/cgroup/memory/memory.limit_in_bytes", "7000000\n" } },
      7000000 },
    { "5:memory:/m\n",
      { { "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "9223372036854771712\n" } },
      ALL },
    { "nonsense\n0::/a\n:\n::\n", { { "sys/fs/cgroup/a/memory.max", "8000000\n" } }, 8000000 },
};

static void make_parents(const struct temp_dir *root, const char *name)
{
    char part[128], path[128];

    for (const char *end = strchr(name, '/'); end; end = strchr(end + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(end - name), name);
        (void)mkdir(temp_dir_path(root, part, path), 0700); /* it may exist */
    }
}

static void put(const struct temp_dir *root, const char *name, const char *text)
{
    make_parents(root, name);
    temp_dir_write(root, name, str_of(text));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    return at->level == 0 ? 0 : remove(path);
}

static void reports_the_smallest_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct temp_dir root;
        uint64_t got;

        temp_dir_init(&root);
        if (cases[i].cgroup)
            put(&root, "proc/self/cgroup", cases[i].cgroup);
        for (const struct file *f = cases[i].files; f->name; f++)
            put(&root, f->name, f->text);
        got = memory_available(root.path);
        if (cases[i].want == ALL)
            assert_true(got > 64u * 1024 * 1024 && got < UINT64_C(1) << 50);
        else
            assert_int_equal(got, cases[i].want);
        assert_int_equal(nftw(root.path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        temp_dir_done(&root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_the_smallest_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
