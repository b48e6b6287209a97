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

/* Reads the number of sockets and their names; a single socket needs none. */
static int read_variables(struct handover *h, const char **ret_why)
{
    const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    size_t n_names = 0;
    struct str rest, name;
    uint64_t n = 0;

    *ret_why = "LISTEN_FDS must be a number from 0 to 8";
    if (count && (str_parse_u64(str_of(count), &n) < 0 || n > HANDOVER_MAX))
        return EH_EINVAL;
    h->n = (size_t)n;
    if (h->n == 0)
        return EH_OK;

    *ret_why = "LISTEN_FDNAMES must be set when there is more than one socket";
    if (!names && h->n > 1)
        return EH_EINVAL;
    if (!names)
        names = "http";
    h->text = mem_dup(names, strlen(names)); /* handover_take removes the variable */

    *ret_why = "LISTEN_FDNAMES must have as many names as LISTEN_FDS has sockets";
    for (rest = str_of(h->text); str_cut(&rest, ':', &name); n_names++) {
        if (n_names < h->n)
            h->names[n_names] = name;
    }
    return n_names == h->n ? EH_OK : EH_EINVAL;
}

int handover_take(struct handover *ret, const char **ret_why)
{
    int rc = EH_OK;

    *ret = (struct handover){ .n = 0 };
    if (is_for_us())
        rc = read_variables(ret, ret_why);
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
