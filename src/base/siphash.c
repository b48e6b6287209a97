#include "base/siphash.h"

#include <endian.h>

#include "base/random.h"

struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

struct siphash_key siphash_key_random(void)
{
    struct siphash_key key;

    random_fill(&key, sizeof(key));
    return key;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static void take_word(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

static uint64_t load_le(const char *p, size_t n)
{
    uint64_t word = 0;

    if (n)
        memcpy(&word, p, n);
    return le64toh(word);
}

uint64_t siphash(const struct siphash_key *key, uint64_t scope, struct str s)
{
    uint64_t length = sizeof(scope) + s.n;
    struct state st = {
        .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
        .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
    };

    take_word(&st, scope);
    for (; s.n >= sizeof(uint64_t); s = str_skip(s, sizeof(uint64_t)))
        take_word(&st, load_le(s.p, sizeof(uint64_t)));
    take_word(&st, length << 56 | load_le(s.p, s.n)); /* the last byte is the length's low one */
    st.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix(&st);
    return st.v0 ^ st.v1 ^ st.v2 ^ st.v3;
}
