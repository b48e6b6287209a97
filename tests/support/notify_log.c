/* notify_log.c - plays a service manager: prints each datagram to the socket PATH as one line, with
 * its lines joined by spaces, until it is stopped.
 *
 *     notify_log PATH
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    perror(path);
    return -1;
}

int main(int argc, char **argv)
{
    int fd = argc == 2 ? listen_at(argv[1]) : -1;
    char text[4096];
    ssize_t n;

    if (fd < 0)
        return 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("listening");
    while ((n = recv(fd, text, sizeof(text), 0)) >= 0) {
        for (ssize_t i = 0; i < n; i++)
            text[i] = (char)(text[i] == '\n' ? ' ' : text[i]);
        printf("%.*s\n", (int)n, text);
    }
    return 1;
}
