/* mem.h - allocation that does not fail: out of memory aborts with a line on stderr.
 * Sizes that a peer chooses are checked against a limit before they come here. free() frees.
 */
#ifndef EH_BASE_MEM_H
#define EH_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
void *mem_array(void *p, size_t count, size_t size)
    __attribute__((returns_nonnull)); /* realloc, overflow-checked */
size_t mem_size(const void *p);       /* what the block takes of the heap */
/* For libraries whose own allocations fail: aborts with that line, which names the library. */
void mem_exhausted(const char *whose) __attribute__((noreturn));
char *mem_dup(const char *p, size_t n)
    __attribute__((malloc, returns_nonnull)); /* with a NUL behind */

#endif
