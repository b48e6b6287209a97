#include "broker/redis/redis_order.h"

uint64_t redis_order_next(struct redis_order *o)
{
    return ++o->last;
}

void redis_order_on_ran(struct redis_order *o, uint32_t lane, uint64_t number)
{
    uint64_t *ran = &o->ran[lane % REDIS_ORDER_LANES];

    *ran = number > *ran ? number : *ran;
}

bool redis_order_permits(const struct redis_order *o, uint32_t lane, uint64_t number)
{
    return o->ran[lane % REDIS_ORDER_LANES] <= number;
}
