#include "support/redis_server.h"

#include <fcntl.h>
#include <hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/free_port.h"

#define START_MS 10000

struct redis_server {
    uint16_t port;
    pid_t pid;
    redisContext *control;
    char dir[64];
};

static void die(const char *what)
{
    fprintf(stderr, "redis_server: %s\n", what);
    exit(EXIT_FAILURE);
}

static void run_server(const struct redis_server *rs, pid_t parent)
{
    char port[8];
    int null = open("/dev/null", O_RDWR);

    snprintf(port, sizeof(port), "%u", rs->port);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    /* The server dies with the test. The parent may be gone already. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", rs->dir,
           "--save", "", "--appendonly", "no", NULL);
    _exit(127);
}

static bool try_connect(struct redis_server *rs)
{
    redisReply *reply;
    bool ok;

    rs->control = redisConnect("127.0.0.1", rs->port);
    reply = rs->control && !rs->control->err ? redisCommand(rs->control, "PING") : NULL;
    ok = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject(reply);
    if (!ok && rs->control) {
        redisFree(rs->control);
        rs->control = NULL;
    }
    return ok;
}

/* Returns false if the process ended or does not answer. */
static bool launch(struct redis_server *rs)
{
    uint64_t deadline = clock_mono_ms() + START_MS;
    pid_t parent = getpid();
    int status;

    rs->pid = fork();
    if (rs->pid == 0)
        run_server(rs, parent);
    while (rs->pid > 0 && clock_mono_ms() < deadline) {
        if (waitpid(rs->pid, &status, WNOHANG) == rs->pid) {
            rs->pid = 0;
            return false;
        }
        if (try_connect(rs))
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    return false;
}

struct redis_server *redis_server_start(void)
{
    struct redis_server *rs;

    if (system("command -v redis-server >/dev/null 2>&1") != 0)
        return NULL; /* it is not installed */
    rs = mem_zalloc(sizeof(*rs));
    snprintf(rs->dir, sizeof(rs->dir), "/tmp/eventhub-contract-XXXXXX");
    if (!mkdtemp(rs->dir))
        die("no temporary directory");
    rs->port = free_port_claim();
    if (rs->port == 0 || !launch(rs))
        die("redis-server does not start");
    return rs;
}

void redis_server_kill(struct redis_server *rs)
{
    if (rs->control)
        redisFree(rs->control);
    rs->control = NULL;
    if (rs->pid <= 0)
        return;
    kill(rs->pid, SIGKILL);
    waitpid(rs->pid, NULL, 0);
    rs->pid = 0;
}

void redis_server_stop(struct redis_server *rs)
{
    if (!rs)
        return;
    redis_server_kill(rs);
    rmdir(rs->dir);
    free(rs);
}

void redis_server_restart(struct redis_server *rs)
{
    if (!launch(rs))
        die("redis-server does not start again");
}

uint16_t redis_server_port(const struct redis_server *rs)
{
    return rs->port;
}

void redis_server_freeze(struct redis_server *rs)
{
    kill(rs->pid, SIGSTOP);
}

void redis_server_thaw(struct redis_server *rs)
{
    kill(rs->pid, SIGCONT);
}

static redisReply *ask(struct redis_server *rs, const char *words)
{
    redisReply *reply = redisCommand(rs->control, words);

    if (!reply || reply->type == REDIS_REPLY_ERROR)
        die(reply ? reply->str : "no answer");
    return reply;
}

void redis_server_command(struct redis_server *rs, const char *words)
{
    freeReplyObject(ask(rs, words));
}

size_t redis_server_clients(struct redis_server *rs, uint64_t *ret_ids, size_t max)
{
    redisReply *own = ask(rs, "CLIENT ID");
    redisReply *list = ask(rs, "CLIENT LIST"); /* a line per connection: id=3 addr=... */
    size_t n = 0;

    for (const char *line = list->str; line && *line && n < max; line = strchr(line, '\n') + 1) {
        uint64_t id = strtoull(line + strlen("id="), NULL, 10);

        if (id != (uint64_t)own->integer)
            ret_ids[n++] = id;
    }
    freeReplyObject(own);
    freeReplyObject(list);
    return n;
}

void redis_server_refuse(struct redis_server *rs, const uint64_t *ids, size_t n)
{
    char command[64];

    redis_server_command(rs, "CONFIG SET maxclients 1");
    for (size_t i = 0; i < n; i++) {
        snprintf(command, sizeof(command), "CLIENT KILL ID %llu", (unsigned long long)ids[i]);
        redis_server_command(rs, command);
    }
}

void redis_server_accept(struct redis_server *rs)
{
    redis_server_command(rs, "CONFIG SET maxclients 10000");
}

void redis_server_reset(struct redis_server *rs)
{
    if (rs->pid <= 0)
        redis_server_restart(rs);
    redis_server_thaw(rs);
    redis_server_accept(rs);
    redis_server_command(rs, "FLUSHALL");
}
