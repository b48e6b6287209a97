#include "app/supervisor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/watchdog.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/notify.h"

#define STATUS_MAX  200 /* bytes */
#define MESSAGE_MAX 256

struct supervisor {
    struct notify *notify;     /* NULL: there is no service manager */
    struct watchdog *watchdog; /* NULL: the manager did not ask for one */
    char status[STATUS_MAX];   /* last reported */
};

static void report(const struct supervisor *s, const char *format, ...) EH_PRINTF(2, 3);

static void report(const struct supervisor *s, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    if (!s->notify)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    notify_send(s->notify, message);
}

static void on_alive(void *arg)
{
    report(arg, "WATCHDOG=1");
}

static void on_silent(void *arg, const char *name)
{
    (void)arg;
    log_error("loop_silent", LOG_Z("thread", name));
}

struct supervisor *supervisor_create(struct loop *loop, struct mailbox *home, size_t max_loops)
{
    struct supervisor *s = mem_zalloc(sizeof(*s));
    const char *path = getenv("NOTIFY_SOCKET");
    uint64_t ms = notify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    /* The manager counts from the last report, so a loop has three quarters of its timeout to
     * answer. */
    const struct watchdog_config config = {
        .loop = loop,
        .home = home,
        .max_loops = max_loops,
        .period_ms = ms / 4,
        .on_alive = on_alive,
        .on_silent = on_silent,
        .arg = s,
    };

    if (path && path[0] && notify_create(path, &s->notify) < 0)
        log_warn("notify_refused", LOG_Z("why", "NOTIFY_SOCKET must be a Unix socket"));
    if (s->notify && ms)
        s->watchdog = watchdog_create(&config);
    return s;
}

void supervisor_watch(struct supervisor *s, const char *name, struct mailbox *box)
{
    if (s->watchdog)
        watchdog_add(s->watchdog, name, box);
}

void supervisor_unwatch(struct supervisor *s, const struct mailbox *box)
{
    if (s->watchdog)
        watchdog_remove(s->watchdog, box);
}

void supervisor_free(struct supervisor *s)
{
    if (!s)
        return;
    watchdog_free(s->watchdog);
    notify_free(s->notify);
    free(s);
}

void supervisor_ready(struct supervisor *s)
{
    report(s, "READY=1");
    if (s->watchdog)
        watchdog_start(s->watchdog);
}

void supervisor_status(struct supervisor *s, const char *format, ...)
{
    char status[STATUS_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(status, sizeof(status), format, args);
    va_end(args);
    if (strcmp(status, s->status) == 0)
        return;
    memcpy(s->status, status, sizeof(status));
    report(s, "STATUS=%s", status);
}

/* Includes the time, which shows the manager that this answers its own request
 * (Type=notify-reload). */
void supervisor_reloading(struct supervisor *s)
{
    report(s, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
}

void supervisor_reloaded(struct supervisor *s)
{
    report(s, "READY=1");
}

void supervisor_stopping(struct supervisor *s, uint64_t most_ms)
{
    report(s, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, most_ms * 1000);
}
