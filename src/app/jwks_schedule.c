#include "app/jwks_schedule.h"

#define RETRY_MS     1000
#define RETRY_MAX_MS 60000

void jwks_schedule_init(struct jwks_schedule *s, uint64_t refresh_s, uint64_t now_ms)
{
    *s = (struct jwks_schedule){ .refresh_ms = refresh_s * 1000, .next_ms = now_ms };
}

uint64_t jwks_schedule_wait_ms(const struct jwks_schedule *s, uint64_t now_ms)
{
    return s->next_ms > now_ms ? s->next_ms - now_ms : 0;
}

void jwks_schedule_begin(struct jwks_schedule *s, uint64_t now_ms)
{
    s->begun_ms = now_ms;
    s->has_begun = true;
    s->is_under_way = true;
}

void jwks_schedule_succeeded(struct jwks_schedule *s, uint64_t now_ms, uint64_t max_age_s)
{
    uint64_t kept_ms = (max_age_s < JWKS_MAX_AGE_S ? max_age_s : JWKS_MAX_AGE_S) * 1000;

    s->is_under_way = false;
    s->failures = 0;
    s->next_ms = now_ms + (kept_ms > s->refresh_ms ? kept_ms : s->refresh_ms);
}

void jwks_schedule_failed(struct jwks_schedule *s, uint64_t now_ms)
{
    uint64_t wait_ms = s->failures < 6 ? (uint64_t)RETRY_MS << s->failures : RETRY_MAX_MS;

    if (wait_ms > s->refresh_ms)
        wait_ms = s->refresh_ms;
    s->is_under_way = false;
    s->failures++;
    s->next_ms = now_ms + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
}

bool jwks_schedule_ask(struct jwks_schedule *s, uint64_t now_ms)
{
    if (s->is_under_way || s->failures || !s->has_begun)
        return true; /* the next fetch comes soon anyway */
    if (s->next_ms > now_ms && now_ms - s->begun_ms < JWKS_ASK_MS)
        return false;
    if (s->next_ms > now_ms)
        s->next_ms = now_ms;
    return true;
}

/* Returns the value of a directive `max-age=N`, which may be quoted; 0: it is another one. */
static uint64_t read_max_age(struct str directive)
{
    static const struct str name = { "max-age=", 8 };
    struct str digits;
    uint64_t v;

    if (!str_starts_with_nocase(directive, name))
        return 0;
    digits = str_skip(directive, name.n);
    if (digits.n > 2 && digits.p[0] == '"' && digits.p[digits.n - 1] == '"')
        digits = str_make(digits.p + 1, digits.n - 2);
    return str_parse_u64(digits, &v) == EH_OK ? v : 0;
}

uint64_t jwks_max_age(struct str cache_control)
{
    struct str rest = cache_control, directive;
    uint64_t max_age = 0;

    while (rest.n && str_cut(&rest, ',', &directive)) {
        directive = str_trim(directive);
        if (str_eq_nocase(directive, STR("no-store")) || str_eq_nocase(directive, STR("no-cache")))
            return 0;
        if (max_age == 0)
            max_age = read_max_age(directive);
    }
    return max_age;
}
