/* option.h - one option of a command: a row of a table that ends with {NULL}.
 * Thread:  any; constants.
 */
#ifndef EH_CTL_OPTION_H
#define EH_CTL_OPTION_H

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool: true if given */
    OPTION_TEXT,     /* const char *, as is; NULL: not given */
    OPTION_FILE,     /* the same, for a path: shells complete file names */
    OPTION_LIST,     /* struct option_list: may be given several times */
    OPTION_NUMBER,   /* uint64_t, from min to max */
    OPTION_SIZE,     /* uint64_t, bytes; takes k, m, g; from min to max */
    OPTION_DURATION, /* uint64_t, ms, as are min and max: 500ms, 30s, 10m, 2h, 7d, or seconds */
    OPTION_RATE,     /* uint64_t, per second: 10 or 10/s; from min to max */
    OPTION_CHOICE,   /* uint64_t: the position in `choices` */
    OPTION_REFUSED,  /* no member: is refused with `about`, which says why and what to do instead */
};

#define OPTION_LIST_MAX 64

struct option_list {
    const char *at[OPTION_LIST_MAX];
    size_t n;
};

struct option {
    const char *name; /* "token-file" */
    char letter;      /* 'n': also -n; 0: none */
    enum option_kind kind;
    size_t offset;       /* of its member */
    const char *value;   /* how help calls its value: "FILE"; NULL for flags */
    const char *initial; /* the default as a user would write it; NULL: zero, false or NULL */
    uint64_t min, max;
    const char *choices;  /* of OPTION_CHOICE: "text json" */
    const char *variable; /* of the environment; common options only; NULL: none */
    const char *about;    /* one line without markup: "the file that holds the token" */
};

#endif
