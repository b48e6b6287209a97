#include "broker/redis/redis_info.h"

#include <stddef.h>
#include <string.h>

#include "base/array.h"

enum kind { TEXT, NUMBER };

#define TEXT_OF(name, member)                                                                      \
    {                                                                                              \
        name, TEXT, offsetof(struct redis_info, member),                                           \
            sizeof(((struct redis_info *)NULL)->member)                                            \
    }
#define NUMBER_OF(name, member)                                                                    \
    {                                                                                              \
        name, NUMBER, offsetof(struct redis_info, member), 0                                       \
    }

static const struct field {
    const char *name;
    enum kind kind;
    size_t at, size;
} fields[] = {
    TEXT_OF("redis_version", redis_version),
    TEXT_OF("redis_mode", mode),
    TEXT_OF("server_mode", mode), /* Valkey */
    TEXT_OF("run_id", run_id),
    TEXT_OF("master_replid", replid),
    TEXT_OF("master_host", master_host),
    NUMBER_OF("master_port", master_port),
    TEXT_OF("master_link_status", master_link_status),
    NUMBER_OF("connected_slaves", connected_replicas),
    NUMBER_OF("min_slaves_good_slaves", min_replicas_good),
    NUMBER_OF("tcp_port", tcp_port),
    TEXT_OF("maxmemory_policy", maxmemory_policy),
    NUMBER_OF("maxmemory", maxmemory),
    NUMBER_OF("used_memory", used_memory),
    NUMBER_OF("evicted_keys", evicted_keys),
    NUMBER_OF("cluster_enabled", cluster_enabled),
    NUMBER_OF("loading", loading),
    NUMBER_OF("aof_enabled", aof_enabled),
    NUMBER_OF("uptime_in_seconds", uptime_s),
};

static const struct {
    const char *name;
    enum redis_role role;
} roles[] = {
    { "master", REDIS_ROLE_MASTER },
    { "slave", REDIS_ROLE_REPLICA },
    { "replica", REDIS_ROLE_REPLICA }, /* Dragonfly */
    { "active-replica", REDIS_ROLE_ACTIVE_REPLICA },
    { "sentinel", REDIS_ROLE_SENTINEL },
};

static const char *const product_names[] = {
    [REDIS_PRODUCT_UNKNOWN] = "an unknown server",
    [REDIS_PRODUCT_REDIS] = "Redis",
    [REDIS_PRODUCT_VALKEY] = "Valkey",
    [REDIS_PRODUCT_KEYDB] = "KeyDB",
    [REDIS_PRODUCT_DRAGONFLY] = "Dragonfly",
};

/* Copies printable ASCII that fits: peers choose these texts, and they go into the log. */
static bool copy(char *to, size_t size, struct str value)
{
    if (value.n == 0 || value.n >= size)
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < 0x20 || value.p[i] > 0x7e)
            return false;
    }
    memcpy(to, value.p, value.n);
    to[value.n] = '\0';
    return true;
}

static bool take_field(struct redis_info *info, struct str name, struct str value)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        char *member = (char *)info + fields[i].at;
        int64_t number;

        if (!str_eq(name, str_of(fields[i].name)))
            continue;
        if (fields[i].kind == TEXT)
            return copy(member, fields[i].size, value);
        if (str_parse_i64(value, &number) < 0 || number < 0)
            return false;
        memcpy(member, &number, sizeof(number));
        return true;
    }
    return false;
}

static bool take_role(struct redis_info *info, struct str value)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!str_eq(value, str_of(roles[i].name)))
            continue;
        info->role = roles[i].role;
        return true;
    }
    return false;
}

static bool take_product(struct redis_info *info, enum redis_product product, struct str version)
{
    info->product = product;
    return version.n == 0 || copy(info->version, sizeof(info->version), version);
}

static bool ends_with(struct str s, struct str end)
{
    return s.n >= end.n && str_eq(str_skip(s, s.n - end.n), end);
}

/* All of them report a redis_version as well. KeyDB is recognized by the name of its program. */
static bool take_line(struct redis_info *info, struct str name, struct str value)
{
    if (str_eq(name, STR("role")))
        return take_role(info, value);
    if (str_eq(name, STR("valkey_version")))
        return take_product(info, REDIS_PRODUCT_VALKEY, value);
    if (str_eq(name, STR("server_name")) && str_eq(value, STR("valkey")))
        return take_product(info, REDIS_PRODUCT_VALKEY, STR(""));
    if (str_eq(name, STR("dragonfly_version")))
        return take_product(info, REDIS_PRODUCT_DRAGONFLY, value);
    if (str_eq(name, STR("executable")) && ends_with(value, STR("keydb-server")))
        return take_product(info, REDIS_PRODUCT_KEYDB, STR(""));
    return take_field(info, name, value);
}

static void clear(struct redis_info *info)
{
    const int64_t unknown = -1;

    *info = (struct redis_info){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].kind == NUMBER)
            memcpy((char *)info + fields[i].at, &unknown, sizeof(unknown));
    }
}

void redis_info_parse(struct redis_info *ret, struct str text)
{
    struct str line, name;

    clear(ret);
    while (str_cut(&text, '\n', &line) && text.p) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (str_cut(&line, ':', &name) && line.p && take_line(ret, name, line))
            ret->is_known = true;
    }
    if (ret->product == REDIS_PRODUCT_UNKNOWN && ret->redis_version[0])
        ret->product = REDIS_PRODUCT_REDIS;
    if (strcmp(ret->mode, "sentinel") == 0)
        ret->role = REDIS_ROLE_SENTINEL;
    if (!ret->version[0])
        memcpy(ret->version, ret->redis_version, sizeof(ret->version));
}

bool redis_info_evicts(const struct redis_info *info)
{
    return info->maxmemory != 0 && info->maxmemory_policy[0] &&
           strcmp(info->maxmemory_policy, "noeviction") != 0;
}

const char *redis_info_product_name(enum redis_product product)
{
    return product_names[product];
}
