/* redis_command.h - the commands that we send, as lists of arguments.
 * Thread:  any; pure, but for redis_command_login.
 * Owns:    struct redis_names owns the texts of the keys. A command only points to its arguments:
 *          send it at once, before the call or the names that it was made from change.
 */
#ifndef EH_BROKER_REDIS_COMMAND_H
#define EH_BROKER_REDIS_COMMAND_H

#include <stdbool.h>

#include "base/buf.h"
#include "broker/call.h"
#include "broker/config.h"
#include "broker/redis/redis_scripts.h"

#define REDIS_BATCH_MAX 64 /* messages of one publish command */
#define REDIS_ARGS_MAX  (REDIS_BATCH_MAX * 12 + 16)

#define REDIS_REVOKE_MAX 64 /* revoked tokens of one command */

struct redis_login;

struct redis_command {
    bool is_script;   /* EVALSHA: the link fills in the second argument */
    size_t n_answers; /* of a SUBSCRIBE: one for each channel; else 1 */
    enum script script;
    size_t n;
    const char *args[REDIS_ARGS_MAX];
    size_t lengths[REDIS_ARGS_MAX];
    size_t n_numbers;
    char numbers[10][MSGID_TEXT];
};

void redis_command_init(struct redis_command *c);
void redis_command_add(struct redis_command *c, struct str arg);
/* Adds as one argument what `text` holds from `from` on, or a number, which is appended to `text`.
 * The memory of `text` must have been reserved: it must not move before the command is sent. */
void redis_command_add_text(struct redis_command *c, const struct buf *text, size_t from);
void redis_command_add_number(struct redis_command *c, struct buf *text, uint64_t number);
size_t redis_command_size(const struct redis_command *c); /* bytes on the wire */
void redis_command_write(const struct redis_command *c, char *out);

/* The greeting of a connection. An empty username means the default user. */
void redis_command_auth(struct redis_command *c, struct str username, struct str password);
/* Reads the files of the login again and makes an AUTH command from them, which borrows from the
 * login. False: no login is needed. */
bool redis_command_login(struct redis_command *c, struct redis_login *login);
void redis_command_set_name(struct redis_command *c, struct str name);
void redis_command_info(struct redis_command *c);
void redis_command_select(struct redis_command *c, unsigned db);
void redis_command_load(struct redis_command *c, enum script script);
void redis_command_ping(struct redis_command *c);
/* Makes the server run the next command although the slot still belongs to another node. */
void redis_command_asking(struct redis_command *c);
/* Waits for n replicas, at most timeout_ms. The answer is the number of replicas that have
 * everything that this connection has written. */
void redis_command_wait(struct redis_command *c, unsigned n, uint64_t timeout_ms);

/* The names of keys and channels, which most commands share. */
struct redis_names {
    struct str prefix;   /* of the keys */
    struct str channels; /* prefix of the channels of messages; the same, but in a check */
    struct buf id, log_start, topics, recent, floors, ends, sweep, lock; /* keys */
    struct buf logs;      /* the prefix of the keys of all logs */
    struct buf mark_log;  /* keeps older nodes from removing the marks of the indexes (probe.lua) */
    struct buf began;     /* the channel that announces a new history (fence.lua) or a purge
                             (purge.lua) to all nodes */
    struct buf channel;   /* what comes before the topic in the name of a channel */
    struct buf batch;     /* the keys and numbers of the last publish command */
    struct buf own;       /* the key of the last key/value command or purge */
    struct buf questions; /* the texts of the last history command */
    struct buf revoked, revoked_ends, revoked_before; /* keys */
    struct buf revocations; /* the texts of the last command about revoked tokens */
};

/* The topic of that channel. It is not a valid topic: older nodes ignore it, like all such
 * topics. */
#define REDIS_BEGAN_TOPIC "$metrics$/history"
/* Begins the message there that a topic was purged; the last id and the topic follow. */
#define REDIS_PURGED "purged "

void redis_names_init(struct redis_names *names, struct str prefix); /* prefix is borrowed */
void redis_names_set_channels(struct redis_names *names, struct str prefix); /* for a check */
void redis_names_done(struct redis_names *names);

/* Values are plain strings, which other programs may read and write, too. */
void redis_command_get(struct redis_command *c, struct redis_names *names,
                       const struct broker_kv *kv);
void redis_command_set(struct redis_command *c, struct redis_names *names,
                       const struct broker_kv *kv);
void redis_command_delete(struct redis_command *c, struct redis_names *names,
                          const struct broker_kv *kv);
/* Removes a topic's messages from the log. newest, replid: as for a publish (redis_publish.h). */
void redis_command_purge(struct redis_command *c, struct redis_names *names, struct str topic,
                         struct msgid newest, struct str replid);
/* The ids that a joining node knows. A zero id is not known. */
struct redis_fence {
    struct msgid newest;     /* the highest id */
    struct msgid high_water; /* the highest id that the feed brought */
    struct msgid tail;       /* the highest id of a message */
    struct str tail_replid;  /* the history in which the node learned it; "": not known */
};
void redis_command_fence(struct redis_command *c, const struct redis_names *names,
                         const struct redis_fence *f);
/* Reads the last id that was issued. */
void redis_command_position(struct redis_command *c, const struct redis_names *names);
void redis_command_probe(struct redis_command *c, const struct redis_names *names,
                         struct str channel, struct str text);
/* Keeps revoked tokens; n <= REDIS_REVOKE_MAX. */
void redis_command_revoke(struct redis_command *c, struct redis_names *names,
                          const struct revocation *entries, size_t n);
/* Reads the tokens that were revoked after this change; 0: all. */
void redis_command_revoked(struct redis_command *c, struct redis_names *names, uint64_t change);
/* n <= REDIS_FORGET_MAX topics; n = 0: the next batch of the sweep. */
void redis_command_forget(struct redis_command *c, const struct redis_names *names,
                          const struct broker_config *config, const struct str *topics, size_t n);

#endif
