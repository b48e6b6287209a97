/* stop_thread.c - makes a thread hang: stops the thread NAME of a process and prints "stopped". The
 * thread continues when this program is stopped; this program ends when the thread ends.
 *
 *     stop_thread PID NAME
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int has_name(const char *pid, const char *tid, const char *name)
{
    char path[64], found[32] = "";
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/comm", pid, tid);
    f = fopen(path, "r");
    if (!f)
        return 0;
    if (!fgets(found, sizeof(found), f))
        found[0] = '\0';
    (void)fclose(f);
    found[strcspn(found, "\n")] = '\0';
    return strcmp(found, name) == 0;
}

static pid_t find_thread(const char *pid, const char *name)
{
    char path[64];
    struct dirent *entry;
    pid_t found = 0;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/task", pid);
    dir = opendir(path);
    while (dir && !found && (entry = readdir(dir))) {
        if (has_name(pid, entry->d_name, name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

static int stop(pid_t tid)
{
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return -1;
    return waitpid(tid, NULL, __WALL) == tid ? 0 : -1;
}

int main(int argc, char **argv)
{
    pid_t tid = argc == 3 ? find_thread(argv[1], argv[2]) : 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!tid || stop(tid) < 0) {
        perror("stop_thread");
        return 1;
    }
    puts("stopped");
    (void)fflush(stdout);
    /* A traced thread is our child, too: without this wait the process could not end. */
    (void)waitpid(tid, NULL, __WALL);
    return 0;
}
