#include "app/config/config_redis.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_value.h"
#include "app/config/redis_url.h"
#include "base/array.h"
#include "base/mem.h"

#define SENTINEL_PORT 26379

/* The option that the hosts come from. */
static const char *name_of_hosts(const struct config *c)
{
    if (!c->redis_url[0])
        return "REDIS_HOST";
    return c->redis_url_file[0] ? "REDIS_URL_FILE" : "REDIS_URL";
}

static int refuse_pair(const char *a, const char *b, struct buf *why)
{
    buf_addf(why, "%s conflicts with %s: set one of them", a, b);
    return EH_EINVAL;
}

/* Refuses every option that states again what a URL states, and the other ways to name the host. */
static int check_url(const struct config *c, struct buf *why)
{
    static const char *const parts[] = { "REDIS_HOST",     "REDIS_PORT",
                                         "REDIS_USERNAME", "REDIS_USERNAME_FILE",
                                         "REDIS_PASSWORD", "REDIS_PASSWORD_FILE",
                                         "REDIS_DB",       "REDIS_SENTINELS" };
    const char *url = config_is_given(c, "REDIS_URL") ? "REDIS_URL" : "REDIS_URL_FILE";

    if (!config_is_given(c, url))
        return EH_OK;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (config_is_given(c, parts[i]))
            return refuse_pair(parts[i], url, why);
    }
    return EH_OK;
}

static int check_sentinels(const struct config *c, struct buf *why)
{
    bool has_master = c->redis_sentinel_master[0];

    if (!c->redis_sentinels[0] && !has_master)
        return EH_OK;
    if (!c->redis_sentinels[0])
        buf_addf(why, "REDIS_SENTINEL_MASTER requires REDIS_SENTINELS");
    else if (!has_master)
        buf_addf(why, "REDIS_SENTINELS requires REDIS_SENTINEL_MASTER");
    else if (config_is_given(c, "REDIS_HOST"))
        return refuse_pair("REDIS_HOST", "REDIS_SENTINELS", why);
    else if (config_is_given(c, "REDIS_PORT"))
        return refuse_pair("REDIS_PORT", "REDIS_SENTINELS", why);
    else if (c->redis_cluster == REDIS_CLUSTER_YES)
        buf_addf(why, "REDIS_CLUSTER=yes conflicts with REDIS_SENTINELS");
    else
        return EH_OK;
    return EH_EINVAL;
}

static void move_text(char **to, char **from)
{
    free(*to);
    *to = *from;
    *from = NULL;
}

static int apply_url(struct config *c, struct buf *why)
{
    struct redis_url url;
    const char *wrong = redis_url_parse(str_of(c->redis_url), &url);

    assert(!wrong); /* config_set has checked it */
    (void)wrong;
    if (config_is_given(c, "REDIS_TLS") && c->redis_tls != url.tls) {
        buf_addf(why,
                 "REDIS_TLS=%s conflicts with %s: rediss:// uses TLS, redis:// and unix:// do not",
                 c->redis_tls ? "true" : "false", name_of_hosts(c));
        redis_url_done(&url);
        return EH_EINVAL;
    }
    c->redis_tls = url.tls;
    c->redis_db = url.db;
    c->redis_hosts = url.hosts;
    url.hosts = (struct endpoint_list){ 0 };
    move_text(&c->redis_username, &url.username);
    move_text(&c->redis_password, &url.password);
    redis_url_done(&url);
    return EH_OK;
}

static void parse_hosts(const char *text, uint64_t port, struct endpoint_list *ret)
{
    int rc = endpoint_list_parse(str_of(text), (uint16_t)port, ret);

    assert(rc == EH_OK); /* config_set has checked it */
    (void)rc;
}

/* The rules for the parts, wherever they come from. */
static int check_parts(const struct config *c, struct buf *why)
{
    bool is_socket = c->redis_hosts.n && c->redis_hosts.at[0].host[0] == '/';
    bool has_tls = c->redis_tls || c->redis_sentinel_tls;

    if (c->redis_tls && is_socket)
        buf_addf(why, "REDIS_TLS conflicts with %s: a Unix socket cannot use TLS",
                 name_of_hosts(c));
    else if (has_tls && !c->redis_tls_cert[0] != !c->redis_tls_key[0])
        buf_addf(why, "REDIS_TLS_CERT and REDIS_TLS_KEY must be set together");
    else if (c->redis_cluster == REDIS_CLUSTER_YES && c->redis_db)
        buf_addf(why, "%s must name database 0 with REDIS_CLUSTER=yes",
                 c->redis_url[0] ? name_of_hosts(c) : "REDIS_DB");
    else if (c->redis_cluster == REDIS_CLUSTER_NO && c->redis_hosts.n > 1)
        buf_addf(why, "%s must name one host with REDIS_CLUSTER=no", name_of_hosts(c));
    else
        return EH_OK;
    return EH_EINVAL;
}

int config_settle_redis(struct config *c, struct buf *why)
{
    EH_TRY(check_url(c, why));
    EH_TRY(check_sentinels(c, why));
    if (c->redis_url[0])
        EH_TRY(apply_url(c, why));
    else if (c->redis_url_file[0])
        return EH_OK; /* config_read_secrets reads the URL */
    else if (c->redis_sentinels[0])
        parse_hosts(c->redis_sentinels, SENTINEL_PORT, &c->redis_sentinel_hosts);
    else
        parse_hosts(c->redis_host, c->redis_port, &c->redis_hosts);
    return check_parts(c, why);
}
