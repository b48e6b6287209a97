#include "base/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool fds_open_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* open returns fd, the lowest free descriptor, because all lower ones are open by now */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}
