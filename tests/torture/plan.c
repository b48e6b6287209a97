#include "plan.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    char name[32];
    unsigned first, times;
    int error;
    atomic_uint calls;
} plan = { .times = 1 };

__attribute__((constructor)) static void read_plan(void)
{
    const char *text = getenv("FAULT");

    if (!text ||
        sscanf(text, "%31[^,],%u,%d,%u", plan.name, &plan.first, &plan.error, &plan.times) < 3)
        plan.name[0] = '\0';
}

bool fault_now(const char *name, int *ret_error)
{
    char line[96];
    unsigned call;
    int n;

    if (strcmp(name, plan.name) != 0)
        return false;
    call = atomic_fetch_add(&plan.calls, 1) + 1;
    if (call < plan.first || call - plan.first >= plan.times)
        return false;
    n = snprintf(line, sizeof(line), "fault: %s call=%u errno=%d\n", name, call, plan.error);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(99);
    *ret_error = plan.error;
    return true;
}
