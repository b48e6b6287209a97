/* temp_dir_group.h - one directory for all tests of a program:
 *     cmocka_run_group_tests(tests, make_dir, remove_dir)
 * A program includes it once.
 */
#ifndef EH_TESTS_TEMP_DIR_GROUP_H
#define EH_TESTS_TEMP_DIR_GROUP_H

#include "support/temp_dir.h"

static struct temp_dir dir;

static int make_dir(void **state)
{
    (void)state;
    temp_dir_init(&dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    temp_dir_done(&dir);
    return 0;
}

#endif
