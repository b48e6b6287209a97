/* config_table.h - the one table of options. Parsing, bounds and defaults (config_load.c,
 * config_value.c) come from it, and so do --help, docs/configuration.md, the man page and the
 * example file (config_text.c).
 */
#ifndef EH_APP_CONFIG_TABLE_H
#define EH_APP_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_kind {
    CONFIG_NUMBER,      /* uint64_t */
    CONFIG_SIZE,        /* uint64_t, bytes; takes the suffixes k, m and g */
    CONFIG_BOOL,        /* bool */
    CONFIG_CHOICE,      /* uint64_t: the position in `choices` */
    CONFIG_MODE,        /* uint64_t: permission bits, written in octal */
    CONFIG_LOG_LEVEL,   /* uint64_t: enum log_level */
    CONFIG_NETWORKS,    /* struct cidr_list; max bounds the length of the text */
    CONFIG_TEXT,        /* char *, like all that follow; max bounds the length */
    CONFIG_PATH,        /* the path of a file */
    CONFIG_SOCKET,      /* the absolute path of a Unix socket */
    CONFIG_HOST,        /* a host name or an address */
    CONFIG_HOSTS,       /* a list of hosts with or without a port (endpoints.h) */
    CONFIG_SERVERS,     /* the same, or the path of a socket */
    CONFIG_REDIS_URL,   /* redis_url.h */
    CONFIG_ADDRESS,     /* a numeric IPv4 or IPv6 address */
    CONFIG_METRIC_NAME, /* the beginning of a Prometheus metric name */
    CONFIG_KEYS_URL,    /* jwks_url.h */
    CONFIG_COOKIE,      /* the name of a cookie */
    CONFIG_ORIGINS,     /* a list of origins (proto/origin.h) */
};

struct config_option {
    const char *name;
    const char *alias; /* NULL: none */
    enum config_kind kind;
    size_t offset;       /* of its member in struct config */
    const char *initial; /* the default, as a user would write it */
    uint64_t min;
    uint64_t max;
    const char *choices;  /* "redis or memory" */
    bool secret;          /* its value is never shown, and may hold any byte */
    const char *value_of; /* a _FILE option: the option whose value the file holds */
    bool is_live;         /* a _FILE option: its file is read again while the server runs */
    const char *shown;    /* the default in the documentation; NULL: `initial` */
    const char *about;    /* one line without markup, understood without its neighbours */
};

extern const struct config_option config_options[];
extern const size_t config_option_count;

static inline bool config_is_text(const struct config_option *o)
{
    return o->kind >= CONFIG_TEXT;
}

#endif
