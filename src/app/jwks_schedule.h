/* jwks_schedule.h - when the key set of a provider is fetched.
 * Thread:  any, one at a time; pure (the time is a parameter, in ms, and never goes back).
 * Rules:   at once after the start; after a success when JWT_JWKS_REFRESH is over, or the max-age
 *          of the answer if that is longer, at most a day; after a failure soon, then ever later
 *          (1, 2, 4 ... 60 s, but never later than JWT_JWKS_REFRESH). A token that no key fits
 *          (keyring_may_lack_key) brings the next fetch forward, but not within JWKS_ASK_MS of the
 *          last one.
 */
#ifndef EH_APP_JWKS_SCHEDULE_H
#define EH_APP_JWKS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define JWKS_ASK_MS    10000
#define JWKS_MAX_AGE_S 86400

struct jwks_schedule {
    uint64_t refresh_ms;
    uint64_t next_ms;  /* when the next fetch is due */
    uint64_t begun_ms; /* when the last one began */
    unsigned failures; /* since the last success */
    bool has_begun;    /* one has begun, ever */
    bool is_under_way;
};

void jwks_schedule_init(struct jwks_schedule *s, uint64_t refresh_s, uint64_t now_ms);
uint64_t jwks_schedule_wait_ms(const struct jwks_schedule *s, uint64_t now_ms); /* 0: it is due */
void jwks_schedule_begin(struct jwks_schedule *s, uint64_t now_ms);
void jwks_schedule_succeeded(struct jwks_schedule *s, uint64_t now_ms, uint64_t max_age_s);
void jwks_schedule_failed(struct jwks_schedule *s, uint64_t now_ms);

/* No key of the set fits a token. Returns true if the provider may have the key by now: a fetch is
 * under way or due, or the last one failed. False: the set is fresh, so nobody has the key. */
bool jwks_schedule_ask(struct jwks_schedule *s, uint64_t now_ms);

/* Returns the max-age of a Cache-Control field in seconds; 0 if the field has none or forbids
 * caching. */
uint64_t jwks_max_age(struct str cache_control);

#endif
