/* config_table.h - the one table of options. It feeds parsing, bounds and defaults (config.c,
 * config_value.c) and --help, the README's table and the man page (config_text.c). Only config*.c
 * include it.
 */
#ifndef EH_APP_CONFIG_TABLE_H
#define EH_APP_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct buf;
struct config;

enum config_kind {
    CONFIG_NUMBER,      /* uint64_t */
    CONFIG_SIZE,        /* uint64_t, bytes; takes the suffixes k, m and g */
    CONFIG_BOOL,        /* bool */
    CONFIG_CHOICE,      /* uint64_t: the place in `choices` */
    CONFIG_LOG_LEVEL,   /* uint64_t: enum log_level */
    CONFIG_NETWORKS,    /* struct cidr_list; max bounds the length of the text */
    CONFIG_TEXT,        /* char *, as all that follow; max bounds its length */
    CONFIG_ADDRESS,     /* a numeric IPv4 or IPv6 address */
    CONFIG_METRIC_NAME, /* what a Prometheus name may begin with */
    CONFIG_ORIGINS,     /* a list, see proto/origin.h */
};

struct config_option {
    const char *name;
    const char *alias; /* NULL: none */
    enum config_kind kind;
    size_t offset;       /* of its member of struct config */
    const char *initial; /* the default, spelled as a user would */
    uint64_t min;
    uint64_t max;
    const char *choices;  /* "redis or memory" */
    bool secret;          /* its value is never shown, and may hold any byte */
    const char *value_of; /* the path of a file: the secret option whose value it holds */
    const char *shown;    /* the default in the documentation; NULL: `initial` */
    const char *about;    /* one line; no markup */
};

extern const struct config_option config_options[];
extern const size_t config_option_count;

/* By name, however spelled; NULL: there is none. */
const struct config_option *config_find(struct str name);
static inline bool config_is_text(const struct config_option *o)
{
    return o->kind >= CONFIG_TEXT;
}

/* The member of a text option. */
char **config_text(struct config *c, const struct config_option *o);

/* Sets the option's member. Returns NULL, or what is wrong with the text ("is out of range"). */
const char *config_set(struct config *c, const struct config_option *o,
                       struct str text) EH_MUST_USE;

/* What is allowed, for an error or the documentation, e.g. "0 to 65535". */
void config_add_allowed(struct buf *out, const struct config_option *o);

#endif
