#include "ctl/line/option_value.h"

#include <assert.h>

#include "ctl/line/option.h"

struct unit {
    struct str name;
    uint64_t factor;
};

/* The longest unit comes last, for duration_add. */
static const struct unit durations[] = {
    { { "ms", 2 }, 1 },    { { "", 0 }, 1000 },     { { "s", 1 }, 1000 },
    { { "m", 1 }, 60000 }, { { "h", 1 }, 3600000 }, { { "d", 1 }, 86400000 },
};
static const struct unit sizes[] = {
    { { "", 0 }, 1 },
    { { "k", 1 }, 1024 },
    { { "m", 1 }, 1024 * 1024 },
    { { "g", 1 }, 1024 * 1024 * 1024 },
};
static const struct unit rates[] = { { { "", 0 }, 1 }, { { "/s", 2 }, 1 } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses digits and one of the units, in any case. */
static bool parse_with_unit(struct str text, const struct unit *units, size_t n, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t value;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (str_parse_u64(str_make(text.p, digits), &value) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(str_skip(text, digits), units[i].name))
            return !__builtin_mul_overflow(value, units[i].factor, ret);
    }
    return false;
}

bool duration_parse(struct str text, uint64_t *ret_ms)
{
    return parse_with_unit(text, durations, COUNT(durations), ret_ms);
}

void duration_add(struct buf *out, uint64_t ms)
{
    const struct unit *best = &durations[0];

    for (size_t i = 0; i < COUNT(durations) && ms; i++) {
        if (ms % durations[i].factor == 0 && durations[i].name.n)
            best = &durations[i];
    }
    if (ms == 0)
        best = &durations[2];
    buf_addf(out, "%llu%.*s", (unsigned long long)(ms / best->factor), STR_ARG(best->name));
}

static bool find_choice(const char *choices, struct str text, uint64_t *ret)
{
    struct str rest = str_of(choices), choice;

    for (uint64_t i = 0; str_cut(&rest, ' ', &choice); i++) {
        if (str_eq(choice, text)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool parse_number(const struct option *o, struct str text, uint64_t *ret)
{
    switch (o->kind) {
    case OPTION_NUMBER: return str_parse_u64(text, ret) == EH_OK;
    case OPTION_SIZE: return parse_with_unit(text, sizes, COUNT(sizes), ret);
    case OPTION_DURATION: return duration_parse(text, ret);
    case OPTION_RATE: return parse_with_unit(text, rates, COUNT(rates), ret);
    default: return false;
    }
}

static int add_to_list(struct option_list *list, const char *text)
{
    if (list->n == OPTION_LIST_MAX)
        return EH_ELIMIT;
    list->at[list->n++] = text;
    return EH_OK;
}

int option_set(const struct option *o, void *base, const char *text)
{
    char *member = (char *)base + o->offset;
    uint64_t value;

    switch (o->kind) {
    case OPTION_FLAG: memcpy(member, &(bool){ true }, sizeof(bool)); return EH_OK;
    case OPTION_TEXT:
    case OPTION_FILE: memcpy(member, &text, sizeof(text)); return EH_OK;
    case OPTION_LIST: return add_to_list((struct option_list *)(void *)member, text);
    case OPTION_CHOICE:
        if (!find_choice(o->choices, str_of(text), &value))
            return EH_EINVAL;
        break;
    default:
        if (!parse_number(o, str_of(text), &value) || value < o->min || value > o->max)
            return EH_EINVAL;
    }
    memcpy(member, &value, sizeof(value));
    return EH_OK;
}

static void add_choices(struct buf *out, const char *choices)
{
    struct str rest = str_of(choices), choice;

    buf_add_str(out, STR("must be"));
    for (size_t i = 0; str_cut(&rest, ' ', &choice); i++)
        buf_addf(out, "%s%.*s", i == 0 ? " " : rest.p ? ", " : " or ", STR_ARG(choice));
}

void option_add_rule(struct buf *out, const struct option *o)
{
    switch (o->kind) {
    case OPTION_NUMBER: buf_add_str(out, STR("must be a number")); break;
    case OPTION_SIZE: buf_add_str(out, STR("must be a size such as 500, 64k or 1m,")); break;
    case OPTION_RATE: buf_add_str(out, STR("must be a rate such as 100/s,")); break;
    case OPTION_DURATION:
        buf_add_str(out, STR("must be a duration such as 500ms, 30s, 10m, 2h or 7d, from "));
        duration_add(out, o->min);
        buf_add_str(out, STR(" to "));
        duration_add(out, o->max);
        return;
    case OPTION_CHOICE: add_choices(out, o->choices); return;
    case OPTION_LIST: buf_addf(out, "can be given at most %d times", OPTION_LIST_MAX); return;
    default: return; /* any text will do */
    }
    buf_addf(out, " from %llu to %llu", (unsigned long long)o->min, (unsigned long long)o->max);
}
