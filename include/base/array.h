/* array.h - the length of an array. */
#ifndef EH_BASE_ARRAY_H
#define EH_BASE_ARRAY_H

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0])) /* an array, not a pointer to its start */

#endif
