/* memory.c - makes one allocation of one library fail (plan.h); the tests preload it into the
 * server. NAME is part of the library's path, such as libjansson; `server` is the program itself.
 */
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static const char *watched; /* NULL: nothing is watched */
static char name[32];
static uintptr_t low, high; /* bounds of its code */

static int find(struct dl_phdr_info *info, size_t size, void *arg)
{
    bool is_program = info->dlpi_name[0] == '\0';

    (void)size;
    (void)arg;
    if (strcmp(name, "server") == 0 ? !is_program : !strstr(info->dlpi_name, name))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            low = info->dlpi_addr + segment->p_vaddr;
            high = low + segment->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void watch(void)
{
    const char *plan = getenv("FAULT");
    size_t n = plan ? strcspn(plan, ",") : 0;

    if (n == 0 || n >= sizeof(name))
        return;
    memcpy(name, plan, n);
    if (dl_iterate_phdr(find, NULL))
        watched = name;
}

static bool fails(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    int error;

    if (!watched || at < low || at >= high || !fault_now(watched, &error))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
