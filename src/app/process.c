#include "app/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

/* Reads the second word of /proc/self/statm: the resident pages. */
static uint64_t read_rss(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    struct str rest, word = { NULL, 0 };
    uint64_t pages = 0;
    char line[128];

    if (!f)
        return 0;
    if (fgets(line, sizeof(line), f)) {
        rest = str_of(line);
        (void)str_cut(&rest, ' ', &word);
        (void)str_cut(&rest, ' ', &word);
        if (str_parse_u64(word, &pages) < 0)
            pages = 0;
    }
    (void)fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 3; /* ".", ".." and the directory itself */
}

static uint64_t ms_of(struct timeval tv)
{
    return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

void process_read(struct process_figures *ret)
{
    static uint64_t start_s; /* accurate enough: the first call is made at the start */
    struct rusage usage;
    struct rlimit lim;

    if (start_s == 0)
        start_s = clock_wall_ms() / 1000;
    memset(ret, 0, sizeof(*ret));
    ret->start_s = start_s;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret->cpu_ms = ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
    ret->rss = read_rss();
    ret->fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0)
        ret->max_fds = lim.rlim_cur;
}

size_t process_count_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return (size_t)CPU_COUNT(&set);
}

uint64_t process_raise_fd_limit(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
        return 1024;
    lim.rlim_cur = lim.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
        log_warn("nofile_not_raised", LOG_Z("why", strerror(errno)));
    (void)getrlimit(RLIMIT_NOFILE, &lim);
    return lim.rlim_cur;
}
