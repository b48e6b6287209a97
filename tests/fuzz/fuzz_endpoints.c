/* Properties: a list that is accepted is within its bounds and reads the same when it is written
 * again with all ports; so does the list of a URL. The reason why a URL is refused is one of a few
 * fixed texts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/endpoints.h"
#include "app/config/redis_url.h"
#include "base/buf.h"
#include "broker/redis_login.h"

#define PORT 6379

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void write_again(const struct endpoint_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct redis_endpoint *e = &list->at[i];

        if (endpoint_is_path(str_of(e->host)))
            buf_addf(out, "%s", e->host);
        else if (strchr(e->host, ':'))
            buf_addf(out, "%s[%s]:%u", i ? ", " : "", e->host, e->port);
        else
            buf_addf(out, "%s%s:%u", i ? ", " : "", e->host, e->port);
    }
}

static void check_list(const struct endpoint_list *list)
{
    struct endpoint_list again = { 0 };
    struct buf text = { 0 };

    if (list->n == 0 || list->n > ENDPOINTS_MAX)
        abort();
    write_again(list, &text);
    if (endpoint_list_parse(buf_str(&text), PORT + 1, &again) < 0 || again.n != list->n)
        abort();
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->at[i].host, again.at[i].host) != 0 || list->at[i].host[0] == '\0')
            abort();
        if (list->at[i].port != again.at[i].port)
            abort();
    }
    endpoint_list_done(&again);
    buf_done(&text);
}

static void check_wrong(struct str text)
{
    struct str wrong = endpoint_list_wrong(text);

    if (wrong.p < text.p || wrong.p + wrong.n > text.p + text.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str text = str_make(n ? (const char *)p : "", n);
    struct endpoint_list list = { 0 };
    struct redis_url url = { 0 };
    const char *wrong;

    if (endpoint_list_parse(text, PORT, &list) == EH_OK)
        check_list(&list);
    else
        check_wrong(text);
    endpoint_list_done(&list);

    wrong = redis_url_parse(text, &url);
    if (wrong && strlen(wrong) > 100)
        abort();
    if (!wrong) {
        check_list(&url.hosts);
        if (url.db > REDIS_URL_DB_MAX || strlen(url.username) > REDIS_USERNAME_BYTES ||
            strlen(url.password) > REDIS_PASSWORD_BYTES)
            abort();
    }
    redis_url_done(&url);
    return 0;
}
