#include "ctl/line/option_value.h"

#include <assert.h>

#include "ctl/line/option.h"
#include "ctl/term/units.h"

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
    case OPTION_SIZE: return str_parse_size(text, ret) == EH_OK;
    case OPTION_DURATION: return duration_parse(text, ret);
    case OPTION_RATE: return rate_parse(text, ret);
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
    if (o->max == UINT64_MAX)
        buf_addf(out, " of at least %llu", (unsigned long long)o->min);
    else
        buf_addf(out, " from %llu to %llu", (unsigned long long)o->min, (unsigned long long)o->max);
}
