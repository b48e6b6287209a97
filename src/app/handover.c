#include "app/handover.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Reports whether the variables are meant for this process; they may be for our parent. */
static bool is_for_us(void)
{
    const char *pid = getenv("LISTEN_PID");
    uint64_t n;

    return pid && str_parse_u64(str_of(pid), &n) == EH_OK && n == (uint64_t)getpid();
}

static int read_names(struct handover *h, struct str text, const char **ret_why)
{
    size_t n = 0;
    struct str name;

    while (str_cut(&text, ':', &name)) {
        if (n < h->n)
            h->names[n] = name;
        n++;
    }
    *ret_why = "LISTEN_FDNAMES must have as many names as LISTEN_FDS has sockets";
    return n == h->n ? EH_OK : EH_EINVAL;
}

static int read_count(struct handover *h, const char **ret_why)
{
    const char *text = getenv("LISTEN_FDS");
    uint64_t n = 0;

    *ret_why = "LISTEN_FDS must be a number from 0 to 8";
    if (text && (str_parse_u64(str_of(text), &n) < 0 || n > HANDOVER_MAX))
        return EH_EINVAL;
    h->n = (size_t)n;
    return EH_OK;
}

static int read_all(struct handover *h, const char **ret_why)
{
    const char *names = getenv("LISTEN_FDNAMES");

    EH_TRY(read_count(h, ret_why));
    if (h->n == 0)
        return EH_OK;
    if (!names && h->n == 1)
        names = "http";
    *ret_why = "LISTEN_FDNAMES must be set when there is more than one socket";
    if (!names)
        return EH_EINVAL;
    h->text = mem_dup(names, strlen(names)); /* handover_take removes the variable */
    return read_names(h, str_of(h->text), ret_why);
}

int handover_take(struct handover *ret, const char **ret_why)
{
    int rc = EH_OK;

    *ret = (struct handover){ .n = 0 };
    if (is_for_us())
        rc = read_all(ret, ret_why);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (rc < 0)
        handover_done(ret);
    return rc;
}

void handover_done(struct handover *h)
{
    free(h->text);
    *h = (struct handover){ .n = 0 };
}
