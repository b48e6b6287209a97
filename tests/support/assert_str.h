/* assert_str.h - compares a view with a C string; a test that fails shows both. */
#ifndef EH_TESTS_ASSERT_STR_H
#define EH_TESTS_ASSERT_STR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static inline void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("want '%s', got '%.*s'", want, STR_ARG(got));
}

#endif
