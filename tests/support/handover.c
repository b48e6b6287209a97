/* handover.c - opens sockets and runs a program that inherits them, as systemd would do it.
 *
 *     handover NAMES KINDS PROGRAM [ARGUMENT...]
 *
 * NAMES is LISTEN_FDNAMES ("-": none). KINDS has a letter for each socket: t is listening TCP, b is
 * TCP that does not listen, u is a listening Unix socket, f is one with the file $HANDOVER_PATH, d is
 * UDP, p is a pipe. SIGUSR1 stops the
 * program and starts it again with the same sockets; SIGTERM stops it. The exit status is that of
 * the program.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3

static int fail(const char *what)
{
    perror(what);
    exit(99);
}

static int open_inet(int type)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, type, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        fail("bind");
    return fd;
}

/* path "": the kernel chooses an abstract name. */
static int open_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    socklen_t len = (socklen_t)(n ? sizeof(at) : sizeof(at.sun_family));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (n >= sizeof(at.sun_path))
        fail("HANDOVER_PATH");
    memcpy(at.sun_path, path, n);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0)
        fail("bind");
    return fd;
}

static int open_pipe(void)
{
    int ends[2];

    if (pipe(ends) < 0)
        fail("pipe");
    return ends[0];
}

static int open_kind(char kind)
{
    switch (kind) {
    case 'u': return open_unix("");
    case 'f': return open_unix(getenv("HANDOVER_PATH"));
    case 'd': return open_inet(SOCK_DGRAM);
    case 'p': return open_pipe();
    default: return open_inet(SOCK_STREAM);
    }
}

static int open_at(int place, char kind)
{
    int fd = open_kind(kind);

    if (strchr("tuf", kind) && listen(fd, 4096) < 0)
        fail("listen");
    if (fd != place && (dup2(fd, place) < 0 || close(fd) < 0))
        fail("dup2");
    return place;
}

static void run(const char *names, size_t n, const sigset_t *mask, char **program)
{
    char text[32];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)snprintf(text, sizeof(text), "%ld", (long)getpid());
    setenv("LISTEN_PID", text, 1);
    (void)snprintf(text, sizeof(text), "%zu", n);
    setenv("LISTEN_FDS", text, 1);
    if (strcmp(names, "-") != 0)
        setenv("LISTEN_FDNAMES", names, 1);
    execv(program[0], program);
    fail(program[0]);
}

/* Waits until the program has ended; returns true if it must be started again. */
static int watch(pid_t child, const sigset_t *signals)
{
    int again = 0, status, got = 0;

    while (sigwait(signals, &got) == 0 && got != SIGCHLD) {
        again = got == SIGUSR1;
        kill(child, SIGTERM);
    }
    if (waitpid(child, &status, 0) != child)
        fail("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && again)
        return 1;
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
}

int main(int argc, char **argv)
{
    sigset_t signals, before;
    size_t n = argc > 3 ? strlen(argv[2]) : 0;
    pid_t child;

    if (argc < 4)
        return 99;
    for (size_t i = 0; i < n; i++)
        (void)open_at(FIRST_FD + (int)i, argv[2][i]);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &before);
    do {
        child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0)
            run(argv[1], n, &before, argv + 3);
    } while (watch(child, &signals));
    return 0;
}
