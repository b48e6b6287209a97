#include "app/config/token_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define PATH_BYTES 4096

/* Adds the public key in a PEM file; returns NULL, or why that failed. */
static const char *add_file(struct keyring *keys, struct str kid, enum key_algorithm a,
                            const char *path)
{
    struct buf pem = { 0 };
    const char *what = file_read_key(path, &pem);

    if (!what)
        what = keyring_add(keys, kid, a, buf_str(&pem));
    buf_done(&pem);
    return what;
}

static int refuse_file(struct buf *why, const char *option, const char *path, const char *what)
{
    buf_addf(why, "%s: %s: %s", option, path, what);
    return EH_EINVAL;
}

/* ---- JWT_KEYS_FILE: lines of the form `kid algorithm key` ---- */

struct keys_file {
    const char *path;
    struct keyring *keys;
    struct buf *why;
    size_t line;
    size_t n; /* keys that were added */
};

static int refuse_line(const struct keys_file *f, const char *what)
{
    buf_addf(f->why, "JWT_KEYS_FILE: %s:%zu: %s", f->path, f->line, what);
    return EH_EINVAL;
}

/* Takes the next word of the line; blanks separate words. */
static struct str take_word(struct str *line)
{
    struct str word = { line->p, 0 };

    while (word.n < line->n && line->p[word.n] != ' ' && line->p[word.n] != '\t')
        word.n++;
    *line = str_trim(str_skip(*line, word.n));
    return word;
}

/* Writes the path of a key file; a relative one starts in the directory of JWT_KEYS_FILE. */
static bool resolve(const struct keys_file *f, struct str name, char *ret, size_t size)
{
    const char *slash = strrchr(f->path, '/');
    int dir_n = slash && name.p[0] != '/' ? (int)(slash - f->path) + 1 : 0;
    int n = snprintf(ret, size, "%.*s%.*s", dir_n, f->path, STR_ARG(name));

    return n > 0 && (size_t)n < size;
}

/* Returns what is wrong with a line without an algorithm; it is often a file of another program. */
static const char *not_an_algorithm(struct str kid)
{
    if (kid.p[0] == '{' || kid.p[0] == '[')
        return "a JSON key set cannot be read here: name its file in JWT_JWKS_FILE";
    if (str_starts_with(kid, STR("-----BEGIN")))
        return "a key cannot be read here: write a line that names its file: kid algorithm path";
    return "the algorithm must be " KEY_ALGORITHMS;
}

static int read_line(struct keys_file *f, struct str line)
{
    struct str kid = take_word(&line), algorithm = take_word(&line);
    char path[PATH_BYTES];
    enum key_algorithm a;
    const char *what;

    if (!key_algorithm_parse(algorithm, &a))
        return refuse_line(f, not_an_algorithm(kid));
    if (line.n == 0)
        return refuse_line(f, "the key is missing");
    if (!key_algorithm_is_public(a))
        what = keyring_add(f->keys, kid, a, line);
    else if (resolve(f, line, path, sizeof(path)))
        what = add_file(f->keys, kid, a, path);
    else
        what = "the path is too long";
    if (what)
        return refuse_line(f, what);
    f->n++;
    return EH_OK;
}

static int read_keys_file(const char *path, struct keyring *keys, struct buf *why)
{
    struct keys_file f = { .path = path, .keys = keys, .why = why };
    struct buf text = { 0 };
    const char *what = file_read_key(path, &text);
    struct str rest = buf_str(&text), line;
    int rc = EH_OK;

    while (!what && rc == EH_OK && str_cut(&rest, '\n', &line)) {
        f.line++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = str_trim(line);
        if (line.n && line.p[0] != '#')
            rc = read_line(&f, line);
    }
    if (!what && rc == EH_OK && f.n == 0)
        what = "the file holds no key";
    buf_done(&text);
    return what ? refuse_file(why, "JWT_KEYS_FILE", path, what) : rc;
}

/* ---- JWT_JWKS_FILE ---- */

static int read_jwks_file(const char *path, struct keyring *keys, struct jwks_result *ret,
                          struct buf *why)
{
    struct buf text = { 0 };
    int rc = file_read(path, JWKS_MAX, &text);
    const char *what;

    if (rc == EH_OK)
        what = jwks_read(buf_str(&text), true, keys, ret);
    else
        what = rc == EH_ELIMIT ? "the file is larger than 256k" : strerror(errno);
    buf_done(&text);
    return what ? refuse_file(why, "JWT_JWKS_FILE", path, what) : EH_OK;
}

/* ---- JWT_PUBLIC_KEY and JWT_SECRET ---- */

static int add_secret(const struct config *config, const char *option, const char *secret,
                      struct keyring *keys, struct buf *why)
{
    enum key_algorithm a = (enum key_algorithm)config->jwt_algorithm;
    const char *what = keyring_add(keys, STR(""), a, str_of(secret));

    if (!what)
        return EH_OK;
    buf_addf(why, "%s: %s", option, what);
    return EH_EINVAL;
}

/* Refuses a key that JWT_ALGORITHM cannot use: otherwise tokens would be verified with the default
 * secret, which the operator did not intend. */
static int add_from_options(const struct config *config, struct keyring *keys, struct buf *why)
{
    enum key_algorithm a = (enum key_algorithm)config->jwt_algorithm;
    bool has_public = config->jwt_public_key[0] != '\0';
    const char *what;

    if (key_algorithm_is_public(a) && !has_public) {
        buf_addf(why, "JWT_ALGORITHM requires JWT_PUBLIC_KEY: the algorithm uses a public key");
        return EH_EINVAL;
    }
    if (!key_algorithm_is_public(a) && has_public) {
        buf_addf(why, "JWT_PUBLIC_KEY requires a JWT_ALGORITHM with a public key: RS256, RS384, "
                      "RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA");
        return EH_EINVAL;
    }
    if (has_public) {
        what = add_file(keys, STR(""), a, config->jwt_public_key);
        return what ? refuse_file(why, "JWT_PUBLIC_KEY", config->jwt_public_key, what) : EH_OK;
    }
    EH_TRY(add_secret(config, "JWT_SECRET", config->jwt_secret, keys, why));
    if (!config->jwt_secret_previous[0])
        return EH_OK;
    return add_secret(config, "JWT_SECRET_PREVIOUS", config->jwt_secret_previous, keys, why);
}

bool token_keys_have_files(const struct config *config)
{
    return config->jwt_keys_file[0] || config->jwt_jwks_file[0] || config->jwt_jwks_url[0];
}

int token_keys_load(const struct config *config, struct keyring **ret_keys,
                    struct jwks_result *ret_skipped, struct buf *why)
{
    struct keyring *keys = keyring_create();
    int rc = EH_OK;

    *ret_skipped = (struct jwks_result){ 0 };
    if (!token_keys_have_files(config))
        rc = add_from_options(config, keys, why);
    if (rc == EH_OK && config->jwt_keys_file[0])
        rc = read_keys_file(config->jwt_keys_file, keys, why);
    if (rc == EH_OK && config->jwt_jwks_file[0])
        rc = read_jwks_file(config->jwt_jwks_file, keys, ret_skipped, why);
    if (rc < 0) {
        keyring_unref(keys);
        return rc;
    }
    *ret_keys = keys;
    return EH_OK;
}
