#include "app/check_broker.h"

#include <signal.h>
#include <stdio.h>

#include "app/broker_setup.h"
#include "base/log.h"
#include "broker/redis_check.h"

static void print(void *owner, enum finding_level level, const char *text)
{
    static const char *const words[] = {
        [FINDING_OK] = "ok",
        [FINDING_SKIP] = "skip",
        [FINDING_WARN] = "warn",
        [FINDING_FAIL] = "fail",
    };
    unsigned *n_warnings = owner;

    *n_warnings += level == FINDING_WARN;
    printf("%-4s  %s\n", words[level], text);
    (void)fflush(stdout);
}

static bool check(const struct broker_config *broker)
{
    unsigned n_warnings = 0;

    if (!redis_check(broker, print, &n_warnings)) {
        puts("Eventhub cannot use this Redis.");
        return false;
    }
    printf("Eventhub can use this Redis (warnings: %u).\n", n_warnings);
    return true;
}

bool check_broker(const struct config *config, struct tls *redis_tls)
{
    struct broker_setup setup;
    bool is_good;

    if (config->broker == CONFIG_BROKER_MEMORY) {
        puts("BROKER=memory: there is nothing to check");
        return true;
    }
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_ERROR, (enum log_format)config->log_format);
    broker_setup_init(&setup, config, redis_tls);
    is_good = check(&setup.config);
    broker_setup_done(&setup);
    return is_good;
}
