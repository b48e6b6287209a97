/* mem.h - allocation that does not fail: out of memory aborts with a line on stderr.
 * Callers check sizes that a peer chooses against a limit first. free() frees the memory.
 */
#ifndef EH_BASE_MEM_H
#define EH_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Like mem_realloc with count * size, checked for overflow. */
void *mem_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
/* Copies n bytes and adds a NUL. */
char *mem_dup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));
size_t mem_size(const void *p); /* bytes that the block takes on the heap */
/* Aborts with a line that names the library whose own allocation failed. */
void mem_exhausted(const char *whose) __attribute__((noreturn));

#endif
