/* load.c - a load generator for Eventhub and for the floors that it is compared with. load_*.c has
 * the kinds of load, load.h the meaning of the options.
 */
#include "load.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/str.h"

uint64_t load_now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- CPU time ---- */

static bool read_file(const char *path, char *text, size_t cap)
{
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f)
        return false;
    n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return n > 0;
}

/* Returns the first figure of schedstat: ns on a CPU. */
static uint64_t thread_ns(const char *task, char *ret_name, size_t cap)
{
    char path[300], text[128];

    (void)snprintf(path, sizeof(path), "%s/comm", task);
    if (!read_file(path, ret_name, cap))
        return 0;
    (void)snprintf(path, sizeof(path), "%s/schedstat", task);
    return read_file(path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static uint64_t process_ns(int pid, uint64_t *ret_broker_ns)
{
    char dir[64], task[128], name[32];
    uint64_t total = 0, ns;
    struct dirent *entry;
    DIR *tasks;

    (void)snprintf(dir, sizeof(dir), "/proc/%d/task", pid);
    tasks = opendir(dir);
    while (tasks && (entry = readdir(tasks))) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(task, sizeof(task), "%s/%.32s", dir, entry->d_name);
        ns = thread_ns(task, name, sizeof(name));
        total += ns;
        if (strncmp(name, "broker", 6) == 0)
            *ret_broker_ns = ns;
    }
    if (tasks)
        (void)closedir(tasks);
    return total;
}

void load_cpu_read(const struct load_options *o, struct load_cpu *ret)
{
    *ret = (struct load_cpu){ 0 };
    for (size_t i = 0; i < LOAD_PIDS && o->pids[i]; i++)
        ret->total_ns[i] = process_ns(o->pids[i], &ret->broker_ns[i]);
}

void load_cpu_print(const struct load_options *o, const struct load_cpu *from,
                    const struct load_cpu *to)
{
    printf("\"cpu_us\":[");
    for (size_t i = 0; i < LOAD_PIDS && o->pids[i]; i++)
        printf("%s%" PRIu64, i ? "," : "", (to->total_ns[i] - from->total_ns[i]) / 1000);
    printf("],\"broker_us\":[");
    for (size_t i = 0; i < LOAD_PIDS && o->pids[i]; i++)
        printf("%s%" PRIu64, i ? "," : "", (to->broker_ns[i] - from->broker_ns[i]) / 1000);
    printf("]");
}

/* ---- the command line ---- */

static bool set_pid(struct load_options *o, double v)
{
    size_t i = 0;

    while (i < LOAD_PIDS && o->pids[i])
        i++;
    if (i == LOAD_PIDS)
        return false;
    o->pids[i] = (int)v;
    return true;
}

static bool set_option(struct load_options *o, struct str name, double v)
{
    const struct {
        const char *name;
        uint32_t *place;
    } numbers[] = {
        { "clients", &o->clients }, { "topics", &o->topics }, { "size", &o->size },
        { "window", &o->window },   { "rate", &o->rate },     { "messages", &o->messages },
        { "first", &o->first },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!str_eq(name, str_of(numbers[i].name)))
            continue;
        *numbers[i].place = (uint32_t)v;
        return true;
    }
    if (str_eq(name, STR("port")))
        o->port = (uint16_t)v;
    else if (str_eq(name, STR("patterns")))
        o->patterns = v != 0;
    else if (str_eq(name, STR("gaps")))
        o->gaps = v != 0;
    else if (str_eq(name, STR("warmup")))
        o->warmup_s = v;
    else if (str_eq(name, STR("seconds")))
        o->seconds = v;
    else
        return str_eq(name, STR("pid")) && set_pid(o, v);
    return true;
}

static bool parse_option(struct load_options *o, const char *arg)
{
    struct str rest = str_of(arg), name;

    if (!str_starts_with(rest, STR("--")))
        return false;
    rest = str_skip(rest, 2);
    if (!str_cut(&rest, '=', &name) || !rest.p)
        return false;
    if (!str_eq(name, STR("point")))
        return set_option(o, name, strtod(rest.p, NULL));
    o->point = rest.p;
    return true;
}

#define USAGE                                                                                      \
    "usage: load fanout|publish|idle|stalled|storm|subscribe|ping --port=N [--clients=N]\n"        \
    "            [--topics=N] [--first=N] [--patterns=1] [--size=N] [--window=N] [--rate=N]\n"     \
    "            [--messages=N] [--gaps=1] [--point=ID] [--warmup=S] [--seconds=S] [--pid=N]...\n"

static load_fn *find(const char *kind)
{
    static const struct {
        const char *name;
        load_fn *fn;
    } kinds[] = {
        { "fanout", load_fanout },   { "publish", load_publish }, { "idle", load_idle },
        { "stalled", load_stalled }, { "storm", load_storm },     { "subscribe", load_subscribe },
        { "ping", load_ping },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i].name) == 0)
            return kinds[i].fn;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct load_options o = {
        .clients = 1, .topics = 1, .size = 128, .window = 1, .warmup_s = 1, .seconds = 5
    };
    load_fn *fn = argc > 1 ? find(argv[1]) : NULL;
    bool ok = fn != NULL;

    for (int i = 2; ok && i < argc; i++)
        ok = parse_option(&o, argv[i]);
    if (!ok || o.port == 0 || o.clients == 0 || o.topics == 0 || o.window == 0) {
        fprintf(stderr, USAGE);
        return EXIT_FAILURE;
    }
    return fn(&o);
}
