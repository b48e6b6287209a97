/* Values of options: what each kind takes, and how that is said. */
#include "app/config/config_table.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "app/config/config.h"
#include "proto/origin.h"
#include "base/buf.h"
#include "base/mem.h"

/* Each parse_ function returns what is wrong with the text, or NULL. */

static const char *parse_number(const struct config_option *o, struct str text, uint64_t *ret)
{
    uint64_t v;
    int rc = str_parse_u64(text, &v);

    if (rc == EH_EINVAL)
        return "is not a whole number";
    if (rc < 0 || v < o->min || v > o->max)
        return "is out of range";
    *ret = v;
    return NULL;
}

static uint64_t unit_of(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K': return UINT64_C(1) << 10;
    case 'm':
    case 'M': return UINT64_C(1) << 20;
    case 'g':
    case 'G': return UINT64_C(1) << 30;
    default: return 1;
    }
}

static const char *parse_size(const struct config_option *o, struct str text, uint64_t *ret)
{
    uint64_t unit = text.n ? unit_of(text.p[text.n - 1]) : 1;
    uint64_t v;
    int rc;

    if (unit > 1)
        text.n--;
    rc = str_parse_u64(text, &v);
    if (rc == EH_EINVAL)
        return "is not a size (bytes, or a number with k, m or g)";
    if (rc < 0 || __builtin_mul_overflow(v, unit, &v) || v < o->min || v > o->max)
        return "is out of range";
    *ret = v;
    return NULL;
}

static const char *parse_bool(struct str text, bool *ret)
{
    static const char *const words[][2] = {
        { "false", "true" }, { "0", "1" }, { "no", "yes" }, { "off", "on" }
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int v = 0; v < 2; v++) {
            if (str_eq_nocase(text, str_of(words[i][v]))) {
                *ret = v;
                return NULL;
            }
        }
    }
    return "is neither true nor false";
}

/* `choices` is "a, b or c": the words but "or", counted from 0. */
static const char *parse_choice(const struct config_option *o, struct str text, uint64_t *ret)
{
    struct str rest = str_of(o->choices), word;
    uint64_t place = 0;

    while (str_cut(&rest, ' ', &word)) {
        if (str_eq(word, STR("or")))
            continue;
        if (word.p[word.n - 1] == ',')
            word.n--;
        if (str_eq_nocase(word, text)) {
            *ret = place;
            return NULL;
        }
        place++;
    }
    return "is no such choice";
}

static const char *parse_log_level(struct str text, uint64_t *ret)
{
    enum log_level level;

    if (log_level_parse(text, &level) < 0)
        return "is no log level";
    *ret = level;
    return NULL;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
            return true;
    }
    return false;
}

static bool is_metric_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';

        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

static bool is_address(struct str text)
{
    char z[INET6_ADDRSTRLEN] = { 0 };
    struct in6_addr ip;

    if (text.n >= sizeof(z))
        return false;
    memcpy(z, text.p, text.n);
    return inet_pton(AF_INET, z, &ip) == 1 || inet_pton(AF_INET6, z, &ip) == 1;
}

static const char *parse_networks(const struct config_option *o, struct str text,
                                  struct cidr_list *ret)
{
    struct cidr_list list;

    if (text.n > o->max)
        return "is too long";
    if (cidr_list_parse(text, &list) < 0)
        return "is not a list of addresses";
    cidr_list_done(ret);
    *ret = list;
    return NULL;
}

static const char *parse_text(const struct config_option *o, struct str text, char **ret)
{
    if (text.n > o->max)
        return "is too long";
    if (!o->secret && has_control(text))
        return "holds control characters";
    if (o->kind == CONFIG_ADDRESS && text.n && !is_address(text))
        return "is not a numeric address";
    if (o->kind == CONFIG_METRIC_NAME && !is_metric_name(text))
        return "is not a metric name";
    if (o->kind == CONFIG_ORIGINS && !origin_list_is_valid(text))
        return "is not a list of origins";
    free(*ret);
    *ret = mem_dup(text.p, text.n);
    return NULL;
}

char **config_text(struct config *c, const struct config_option *o)
{
    return (char **)(void *)((char *)c + o->offset);
}

const char *config_set(struct config *c, const struct config_option *o, struct str text)
{
    void *member = (char *)c + o->offset;

    switch (o->kind) {
    case CONFIG_NUMBER: return parse_number(o, text, member);
    case CONFIG_SIZE: return parse_size(o, text, member);
    case CONFIG_BOOL: return parse_bool(text, member);
    case CONFIG_CHOICE: return parse_choice(o, text, member);
    case CONFIG_LOG_LEVEL: return parse_log_level(text, member);
    case CONFIG_NETWORKS: return parse_networks(o, text, member);
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
    case CONFIG_METRIC_NAME:
    case CONFIG_ORIGINS: break;
    }
    return parse_text(o, text, member);
}

/* The largest unit that divides it; *bytes becomes the number of them. */
static const char *size_unit(uint64_t *bytes)
{
    static const char *const units[] = { "", "k", "m", "g" };
    size_t i = 0;

    while (i < 3 && *bytes && *bytes % 1024 == 0) {
        *bytes /= 1024;
        i++;
    }
    return units[i];
}

static void add_sizes(struct buf *out, uint64_t min, uint64_t max)
{
    const char *min_unit = size_unit(&min);
    const char *max_unit = size_unit(&max);

    buf_addf(out, "%ju%s to %ju%s", (uintmax_t)min, min_unit, (uintmax_t)max, max_unit);
}

void config_add_allowed(struct buf *out, const struct config_option *o)
{
    switch (o->kind) {
    case CONFIG_NUMBER: buf_addf(out, "%ju to %ju", (uintmax_t)o->min, (uintmax_t)o->max); return;
    case CONFIG_SIZE: add_sizes(out, o->min, o->max); return;
    case CONFIG_BOOL: buf_addf(out, "true or false"); return;
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL: buf_addf(out, "%s", o->choices); return;
    case CONFIG_TEXT: buf_addf(out, "text of at most %ju bytes", (uintmax_t)o->max); return;
    case CONFIG_ADDRESS: buf_addf(out, "an IPv4 or IPv6 address"); return;
    case CONFIG_METRIC_NAME:
        buf_addf(out, "letters, digits (not first), _ and :, at most %ju", (uintmax_t)o->max);
        return;
    case CONFIG_ORIGINS:
        buf_addf(out, "* or a list of scheme://host[:port], at most %ju bytes", (uintmax_t)o->max);
        return;
    case CONFIG_NETWORKS:
        buf_addf(out, "a list of addresses and blocks (10.0.0.0/8), at most %ju bytes",
                 (uintmax_t)o->max);
        return;
    }
}
