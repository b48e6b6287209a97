#include "hub/author.h"

static int read_u32(struct str s, uint32_t *ret)
{
    uint64_t n;

    EH_TRY(str_parse_u64(s, &n));
    if (n > UINT32_MAX)
        return EH_EINVAL;
    *ret = (uint32_t)n;
    return EH_OK;
}

int author_parse(struct str s, struct author *ret)
{
    struct str worker, slot, generation;
    struct author a;

    if (!str_cut(&s, '-', &worker) || !str_cut(&s, '-', &slot) || !str_cut(&s, '-', &generation))
        return EH_EINVAL;
    EH_TRY(str_parse_u64(worker, &a.worker));
    EH_TRY(read_u32(slot, &a.slot));
    EH_TRY(read_u32(generation, &a.generation));
    EH_TRY(str_parse_u64(s, &a.n));
    if (a.n == 0)
        return EH_EINVAL;
    *ret = a;
    return EH_OK;
}

size_t author_format(const struct author *a, char out[AUTHOR_TEXT])
{
    const uint64_t numbers[] = { a->worker, a->slot, a->generation, a->n };
    size_t n = 0;

    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            out[n++] = '-';
        n += str_format_u64(numbers[i], out + n);
    }
    out[n] = '\0';
    return n;
}
