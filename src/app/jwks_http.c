#include "app/jwks_http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/jwks_url.h"
#include "app/jwks_schedule.h"
#include "base/mem.h"
#include "hub/jwks.h"

#define HEAD_MAX          65536
#define CONNECT_TIMEOUT_S 5

#define LIBRARY "libcurl.so.4"

/* The functions of libcurl that we call, without their "curl_". */
#define FUNCTIONS(X)                                                                               \
    X(global_init)                                                                                 \
    X(global_cleanup)                                                                              \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_perform)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_cleanup)                                                                                \
    X(easy_strerror)                                                                               \
    X(slist_append)                                                                                \
    X(slist_free_all)

struct jwks_http {
#define MEMBER(name) __typeof__(curl_##name) *name;
    FUNCTIONS(MEMBER)
#undef MEMBER
};

struct transfer {
    const struct jwks_http *http;
    const struct jwks_request *rq;
    struct jwks_answer *answer;
    size_t head_n;
    bool is_too_long;
};

/* ---- the library ---- */

/* Copies the address, since ISO C has no cast from dlsym's type to that of a function. */
static bool find(void *library, const char *name, void *ret_function)
{
    void *address = dlsym(library, name);

    memcpy(ret_function, &address, sizeof(address));
    return address != NULL;
}

static bool find_all(struct jwks_http *http, void *library)
{
    bool has_all = true;

#define FIND(name) has_all = has_all && find(library, "curl_" #name, &http->name);
    FUNCTIONS(FIND)
#undef FIND
    return has_all;
}

/* The library stays in memory: others that it has loaded do not expect to go. */
int jwks_http_create(struct jwks_http **ret, struct buf *why)
{
    struct jwks_http *http = mem_zalloc(sizeof(*http));
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_NODELETE);

    if (!library || !find_all(http, library)) {
        buf_addf(why, "JWT_JWKS_URL needs libcurl 7.87 or later: %s", dlerror());
    } else if (http->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        buf_add_str(why, STR("JWT_JWKS_URL: libcurl cannot be initialized"));
    } else {
        *ret = http;
        return EH_OK;
    }
    free(http);
    return EH_EIO;
}

void jwks_http_free(struct jwks_http *http)
{
    if (!http)
        return;
    http->global_cleanup();
    free(http);
}

/* ---- a request ---- */

/* libcurl ends the transfer if the functions return less than they were given. */
static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    (void)size; /* 1 */
    if (buf_used(&t->answer->body) + n > JWKS_MAX) {
        t->is_too_long = true;
        return 0;
    }
    buf_add(&t->answer->body, data, n);
    return n;
}

static size_t on_head(char *line, size_t size, size_t n, void *arg)
{
    static const struct str name = { "cache-control:", 14 };
    struct transfer *t = arg;
    struct str field = str_make(line, n);

    (void)size;
    t->head_n += n;
    if (t->head_n > HEAD_MAX) {
        t->is_too_long = true;
        return 0;
    }
    while (field.n && (field.p[field.n - 1] == '\r' || field.p[field.n - 1] == '\n'))
        field.n--;
    if (str_starts_with_nocase(field, name))
        t->answer->max_age_s = jwks_max_age(str_trim(str_skip(field, name.n)));
    return n;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    const struct transfer *t = arg;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return atomic_load(t->rq->is_stopping);
}

/* Sets the options. Fails only if libcurl lacks one of them, or memory runs out. */
static CURLcode set_options(CURL *curl, struct transfer *t, char error[CURL_ERROR_SIZE],
                            struct curl_slist *fields)
{
    const struct jwks_http *http = t->http;
    const struct jwks_request *rq = t->rq;
    bool is_local = jwks_url_is_local(str_of(rq->url));
    CURLcode rc = CURLE_OK;

#define SET(option, value) rc = rc == CURLE_OK ? http->easy_setopt(curl, option, value) : rc
    SET(CURLOPT_ERRORBUFFER, error);
    SET(CURLOPT_URL, rq->url);
    SET(CURLOPT_PROTOCOLS_STR, is_local ? "https,http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    if (is_local)
        SET(CURLOPT_PROXY, ""); /* not even that of the environment */
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (rq->ca[0]) {
        SET(CURLOPT_CAINFO, rq->ca);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_HTTPHEADER, fields);
    SET(CURLOPT_USERAGENT, "eventhub/" EVENTHUB_VERSION);
    SET(CURLOPT_TIMEOUT, (long)JWKS_HTTP_TIMEOUT_S);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    SET(CURLOPT_MAXFILESIZE, (long)JWKS_MAX);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* does not wait for a name server at the end */
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
#undef SET
    return rc;
}

/* Writes why the transfer failed, and returns the code for it. The address to which a redirect
 * leads is not repeated, since it may hold anything; nor is an error text with an @, since libcurl
 * quotes the proxy of the environment with its password. */
static int explain(const struct transfer *t, CURLcode rc, long status, const char *error,
                   char why[JWKS_HTTP_WHY_MAX])
{
    if (t->is_too_long || rc == CURLE_FILESIZE_EXCEEDED) {
        (void)snprintf(why, JWKS_HTTP_WHY_MAX, "the answer is longer than 256k");
        return EH_EINVAL;
    }
    if (rc != CURLE_OK) {
        bool is_safe = error[0] && !strchr(error, '@');

        (void)snprintf(why, JWKS_HTTP_WHY_MAX, "%s", is_safe ? error : t->http->easy_strerror(rc));
        return EH_EIO;
    }
    if (status >= 300 && status < 400)
        (void)snprintf(why, JWKS_HTTP_WHY_MAX,
                       "the provider redirects to another URL (%ld): set JWT_JWKS_URL to that one",
                       status);
    else
        (void)snprintf(why, JWKS_HTTP_WHY_MAX, "the provider answered with the status %ld", status);
    return EH_EINVAL;
}

int jwks_http_get(const struct jwks_http *http, const struct jwks_request *rq,
                  struct jwks_answer *ret, char why[JWKS_HTTP_WHY_MAX])
{
    struct transfer t = { .http = http, .rq = rq, .answer = ret };
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *fields = http->slist_append(NULL, "Accept: application/json");
    CURL *curl = http->easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    long status = 0;

    *ret = (struct jwks_answer){ 0 };
    if (curl && fields) {
        rc = set_options(curl, &t, error, fields);
        if (rc == CURLE_OK)
            rc = http->easy_perform(curl);
        (void)http->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    http->easy_cleanup(curl);
    http->slist_free_all(fields);
    if (rc == CURLE_OK && status == 200)
        return EH_OK;
    buf_done(&ret->body);
    return explain(&t, rc, status, error, why);
}
