#include "broker/redis_login.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

struct part {
    char *path; /* "": the text never changes */
    char *text;
    size_t max;
    bool is_refused; /* the file could not be used the last time, which was logged */
};

struct redis_login {
    struct part username;
    struct part password;
};

static void part_init(struct part *p, const char *text, const char *path, size_t max)
{
    p->text = mem_dup(text, strlen(text));
    p->path = mem_dup(path, strlen(path));
    p->max = max;
}

static void part_done(struct part *p)
{
    free(p->text);
    free(p->path);
}

/* A pipe, as shells make for <(command), gives its text once; reading it again could block. */
static bool can_be_read_again(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static const char *read_again(struct part *p)
{
    struct buf text = { 0 };
    struct str secret;
    const char *wrong = file_read_secret(p->path, &text, &secret);

    if (!wrong && secret.n > p->max)
        wrong = "the text is too long";
    if (!wrong) {
        free(p->text);
        p->text = mem_dup(secret.p, secret.n);
    }
    buf_done(&text);
    return wrong;
}

static struct str part_read(struct part *p)
{
    const char *wrong;

    if (p->path[0] && can_be_read_again(p->path)) {
        wrong = read_again(p);
        if (wrong && !p->is_refused)
            log_error("redis_login_refused", LOG_Z("file", p->path), LOG_Z("why", wrong));
        p->is_refused = wrong != NULL;
    }
    return str_of(p->text);
}

struct redis_login *redis_login_create(const struct redis_login_config *config)
{
    struct redis_login *login = mem_zalloc(sizeof(*login));

    part_init(&login->username, config->username, config->username_file, REDIS_USERNAME_BYTES);
    part_init(&login->password, config->password, config->password_file, REDIS_PASSWORD_BYTES);
    return login;
}

void redis_login_free(struct redis_login *login)
{
    if (!login)
        return;
    part_done(&login->username);
    part_done(&login->password);
    free(login);
}

void redis_login_read(struct redis_login *login, struct str *ret_username, struct str *ret_password)
{
    *ret_username = login ? part_read(&login->username) : STR("");
    *ret_password = login ? part_read(&login->password) : STR("");
}
