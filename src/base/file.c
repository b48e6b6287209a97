#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_all(FILE *f, size_t max, struct buf *ret)
{
    size_t before = buf_used(ret), n;
    char part[4096];

    do {
        n = fread(part, 1, sizeof(part), f);
        buf_add(ret, part, n);
    } while (n == sizeof(part) && buf_used(ret) - before <= max);
    if (ferror(f))
        return EH_EIO;
    return buf_used(ret) - before > max ? EH_ELIMIT : EH_OK;
}

int file_read(const char *path, size_t max, struct buf *ret)
{
    FILE *f = fopen(path, "re");
    int rc, err;

    if (!f)
        return EH_EIO;
    rc = read_all(f, max, ret);
    err = errno;
    (void)fclose(f); /* nothing was written */
    errno = err;
    return rc;
}

int file_read_stdin(size_t max, struct buf *ret)
{
    return read_all(stdin, max, ret);
}

const char *file_read_key(const char *path, struct buf *ret)
{
    int rc = file_read(path, FILE_KEY_MAX, ret);
    struct str text;

    if (rc < 0)
        return rc == EH_ELIMIT ? "the file is larger than 64k" : strerror(errno);
    text = buf_str(ret);
    if (!text.p || text.n == 0)
        return "the file is empty";
    return memchr(text.p, '\0', text.n) ? "the file holds a NUL byte" : NULL;
}

const char *file_read_secret(const char *path, struct buf *text, struct str *ret)
{
    const char *wrong = file_read_key(path, text);
    struct str secret = buf_str(text);

    if (wrong)
        return wrong;
    if (secret.p && secret.p[secret.n - 1] == '\n')
        secret.n--;
    if (secret.n == 0)
        return "the file is empty";
    *ret = secret;
    return NULL;
}
