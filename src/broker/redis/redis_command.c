#include "broker/redis/redis_command.h"

#include <assert.h>

#include "base/array.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis_login.h"

void redis_command_init(struct redis_command *c)
{
    c->is_script = false;
    c->n_answers = 1;
    c->n = 0;
    c->n_numbers = 0;
}

void redis_command_add(struct redis_command *c, struct str arg)
{
    assert(c->n < REDIS_ARGS_MAX);
    c->args[c->n] = arg.p ? arg.p : "";
    c->lengths[c->n++] = arg.n;
}

void redis_command_add_text(struct redis_command *c, const struct buf *text, size_t from)
{
    redis_command_add(c, str_skip(buf_str(text), from));
}

void redis_command_add_number(struct redis_command *c, struct buf *text, uint64_t number)
{
    size_t from = buf_used(text);

    buf_commit(text, str_format_u64(number, buf_reserve(text, MSGID_TEXT)));
    redis_command_add_text(c, text, from);
}

/* ---- on the wire: *2 CRLF, $3 CRLF GET CRLF, $1 CRLF k CRLF ---- */

#define CRLF_N 2

static size_t digits_of(size_t number)
{
    size_t n = 1;

    while (number /= 10)
        n++;
    return n;
}

size_t redis_command_size(const struct redis_command *c)
{
    size_t size = 1 + digits_of(c->n) + CRLF_N;

    for (size_t i = 0; i < c->n; i++)
        size += 1 + digits_of(c->lengths[i]) + CRLF_N + c->lengths[i] + CRLF_N;
    return size;
}

static char *put(char *out, const char *p, size_t n)
{
    memcpy(out, p, n);
    return out + n;
}

static char *put_length(char *out, char type, size_t number)
{
    *out++ = type;
    out += str_format_u64(number, out);
    return put(out, "\r\n", CRLF_N);
}

void redis_command_write(const struct redis_command *c, char *out)
{
    out = put_length(out, '*', c->n);
    for (size_t i = 0; i < c->n; i++) {
        out = put_length(out, '$', c->lengths[i]);
        out = put(out, c->args[i], c->lengths[i]);
        out = put(out, "\r\n", CRLF_N);
    }
}

/* ---- arguments ---- */

static char *number_slot(struct redis_command *c)
{
    assert(c->n_numbers < ARRAY_LEN(c->numbers));
    return c->numbers[c->n_numbers++];
}

static void add_u64(struct redis_command *c, uint64_t number)
{
    char *text = number_slot(c);

    redis_command_add(c, str_make(text, str_format_u64(number, text)));
}

static void add_id(struct redis_command *c, struct msgid id)
{
    char *text = number_slot(c);

    redis_command_add(c, str_make(text, msgid_format(id, text)));
}

static void add_id_or_none(struct redis_command *c, struct msgid id)
{
    if (msgid_is_zero(id))
        redis_command_add(c, STR(""));
    else
        add_id(c, id);
}

static void begin_script(struct redis_command *c, enum script script, size_t n_keys)
{
    redis_command_init(c);
    c->is_script = true;
    c->script = script;
    redis_command_add(c, STR("EVALSHA"));
    redis_command_add(c, STR(""));
    add_u64(c, n_keys);
}

static void add_key(struct redis_command *c, const struct buf *key)
{
    redis_command_add(c, buf_str(key));
}

void redis_command_auth(struct redis_command *c, struct str username, struct str password)
{
    redis_command_init(c);
    redis_command_add(c, STR("AUTH"));
    if (username.n) /* Redis 5 does not know users */
        redis_command_add(c, username);
    redis_command_add(c, password);
}

bool redis_command_login(struct redis_command *c, struct redis_login *login)
{
    struct str username, password;

    redis_login_read(login, &username, &password);
    if (!username.n && !password.n)
        return false;
    redis_command_auth(c, username, password);
    return true;
}

void redis_command_set_name(struct redis_command *c, struct str name)
{
    redis_command_init(c);
    redis_command_add(c, STR("CLIENT"));
    redis_command_add(c, STR("SETNAME"));
    redis_command_add(c, name);
}

void redis_command_info(struct redis_command *c)
{
    redis_command_init(c);
    redis_command_add(c, STR("INFO"));
}

void redis_command_select(struct redis_command *c, unsigned db)
{
    redis_command_init(c);
    redis_command_add(c, STR("SELECT"));
    add_u64(c, db);
}

void redis_command_load(struct redis_command *c, enum script script)
{
    redis_command_init(c);
    redis_command_add(c, STR("SCRIPT"));
    redis_command_add(c, STR("LOAD"));
    redis_command_add(c, script_text(script));
}

void redis_command_ping(struct redis_command *c)
{
    redis_command_init(c);
    redis_command_add(c, STR("PING"));
}

void redis_command_asking(struct redis_command *c)
{
    redis_command_init(c);
    redis_command_add(c, STR("ASKING"));
}

void redis_command_wait(struct redis_command *c, unsigned n, uint64_t timeout_ms)
{
    redis_command_init(c);
    redis_command_add(c, STR("WAIT"));
    add_u64(c, n);
    add_u64(c, timeout_ms);
}

void redis_names_set_channels(struct redis_names *names, struct str prefix)
{
    names->channels = prefix;
    buf_clear(&names->began);
    keys_add_channel(&names->began, prefix, STR(REDIS_BEGAN_TOPIC));
    buf_clear(&names->channel);
    keys_add_channel(&names->channel, prefix, STR(""));
}

void redis_names_init(struct redis_names *names, struct str prefix)
{
    *names = (struct redis_names){ .prefix = prefix };
    redis_names_set_channels(names, prefix);
    keys_add(&names->id, prefix, STR("id"));
    keys_add(&names->log_start, prefix, STR("floor"));
    keys_add(&names->topics, prefix, STR("topics"));
    keys_add(&names->recent, prefix, STR("recent"));
    keys_add(&names->floors, prefix, STR("floors"));
    keys_add(&names->ends, prefix, STR("ends"));
    keys_add(&names->sweep, prefix, STR("sweep"));
    keys_add(&names->lock, prefix, STR("sweep:lock"));
    keys_add(&names->logs, prefix, STR("log:"));
    keys_add(&names->mark_log, prefix, STR("log:\xffindex"));
    keys_add(&names->revoked, prefix, STR("revoked"));
    keys_add(&names->revoked_ends, prefix, STR("revoked:ends"));
    keys_add(&names->revoked_before, prefix, STR("revoked:before"));
}

void redis_names_done(struct redis_names *names)
{
    struct buf *all[] = { &names->id,         &names->log_start,    &names->topics,
                          &names->recent,     &names->floors,       &names->ends,
                          &names->sweep,      &names->lock,         &names->logs,
                          &names->mark_log,   &names->channel,      &names->batch,
                          &names->own,        &names->began,        &names->questions,
                          &names->revoked,    &names->revoked_ends, &names->revoked_before,
                          &names->revocations };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_done(all[i]);
}

static void begin_kv(struct redis_command *c, const char *verb, struct redis_names *names,
                     const struct broker_kv *kv)
{
    buf_clear(&names->own);
    keys_add(&names->own, names->prefix, STR("kv:"));
    buf_add_str(&names->own, kv->key);
    redis_command_init(c);
    redis_command_add(c, str_of(verb));
    add_key(c, &names->own);
}

void redis_command_get(struct redis_command *c, struct redis_names *names,
                       const struct broker_kv *kv)
{
    begin_kv(c, "GET", names, kv);
}

void redis_command_set(struct redis_command *c, struct redis_names *names,
                       const struct broker_kv *kv)
{
    begin_kv(c, "SET", names, kv);
    redis_command_add(c, kv->value);
    if (kv->ttl_s == 0)
        return;
    redis_command_add(c, STR("EX"));
    add_u64(c, kv->ttl_s);
}

void redis_command_delete(struct redis_command *c, struct redis_names *names,
                          const struct broker_kv *kv)
{
    begin_kv(c, "DEL", names, kv);
}

void redis_command_purge(struct redis_command *c, struct redis_names *names, struct str topic,
                         struct msgid newest, struct str replid)
{
    buf_clear(&names->own);
    buf_add_str(&names->own, buf_str(&names->logs));
    buf_add_str(&names->own, topic);
    begin_script(c, SCRIPT_PURGE, 3);
    add_key(c, &names->id);
    add_key(c, &names->floors);
    add_key(c, &names->own);
    add_id(c, newest);
    redis_command_add(c, replid);
    add_key(c, &names->began);
    redis_command_add(c, topic);
}

/* ---- joining and forgetting ---- */

/* The scripts that compare what Redis knows with what this node knows. */
static void begin_comparison(struct redis_command *c, enum script script,
                             const struct redis_names *names)
{
    begin_script(c, script, 6);
    add_key(c, &names->id);
    add_key(c, &names->log_start);
    add_key(c, &names->topics);
    add_key(c, &names->recent);
    add_key(c, &names->floors);
    add_key(c, &names->mark_log);
}

void redis_command_fence(struct redis_command *c, const struct redis_names *names,
                         const struct redis_fence *f)
{
    begin_comparison(c, SCRIPT_FENCE, names);
    add_id_or_none(c, f->newest);
    add_id_or_none(c, f->high_water);
    add_id_or_none(c, f->tail);
    redis_command_add(c, f->tail_replid);
    add_key(c, &names->began);
}

void redis_command_position(struct redis_command *c, const struct redis_names *names)
{
    redis_command_init(c);
    redis_command_add(c, STR("GET"));
    add_key(c, &names->id);
}

void redis_command_probe(struct redis_command *c, const struct redis_names *names,
                         struct str channel, struct str text)
{
    begin_comparison(c, SCRIPT_PROBE, names);
    redis_command_add(c, channel);
    redis_command_add(c, text);
}

void redis_command_forget(struct redis_command *c, const struct redis_names *names,
                          const struct broker_config *config, const struct str *topics, size_t n)
{
    begin_script(c, SCRIPT_FORGET, 6);
    add_key(c, &names->topics);
    add_key(c, &names->recent);
    add_key(c, &names->floors);
    add_key(c, &names->ends);
    add_key(c, &names->sweep);
    add_key(c, &names->lock);
    add_key(c, &names->logs);
    add_u64(c, config->default_ttl_s);
    for (size_t i = 0; i < n; i++)
        redis_command_add(c, topics[i]);
}

/* ---- revoked tokens ---- */

static void begin_revoked(struct redis_command *c, enum script script, struct redis_names *names)
{
    begin_script(c, script, 3);
    add_key(c, &names->revoked);
    add_key(c, &names->revoked_ends);
    add_key(c, &names->revoked_before);
    buf_clear(&names->revocations);
}

void redis_command_revoke(struct redis_command *c, struct redis_names *names,
                          const struct revocation *entries, size_t n)
{
    struct buf *text = &names->revocations;

    assert(n <= REDIS_REVOKE_MAX);
    begin_revoked(c, SCRIPT_REVOKE, names);
    (void)buf_reserve(text, n * (2 + REVOKED_NAME_MAX + 2 * MSGID_TEXT) + MSGID_TEXT);
    redis_command_add_number(c, text, REVOKED_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t from = buf_used(text);

        buf_add_str(text, entries[i].kind == REVOKED_ID ? STR("j:") : STR("s:"));
        buf_add_str(text, entries[i].name);
        redis_command_add_text(c, text, from);
        redis_command_add_number(c, text, entries[i].before_ms);
        redis_command_add_number(c, text, entries[i].until_ms);
    }
}

void redis_command_revoked(struct redis_command *c, struct redis_names *names, uint64_t change)
{
    begin_revoked(c, SCRIPT_REVOKED, names);
    add_u64(c, change);
}
