/* main.c - reads the options and the files that they name, runs the server, and turns the outcome
 * into an exit status.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/certificates.h"
#include "app/check_broker.h"
#include "app/config/config_load.h"
#include "app/config/config_secrets.h"
#include "app/config/config_text.h"
#include "app/config/token_keys.h"
#include "app/config/topics_file.h"
#include "app/health_check.h"
#include "app/key_provider.h"
#include "app/redis_tls.h"
#include "app/rpc/rpc.h"
#include "app/server.h"
#include "base/fds.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/metrics.h"

extern char **environ;

/* Reads the files that the options name, before anything starts. */
static int read_files(struct config *config, struct server_setup *setup, struct buf *why)
{
    struct keyring *keys = NULL;
    struct topic_settings *topics;

    EH_TRY(config_read_secrets(config, why));
    EH_TRY(certificates_load(config, &setup->certificates, why));
    EH_TRY(redis_tls_load(config, &setup->redis_tls, why));
    EH_TRY(key_provider_check(config, why));
    EH_TRY(token_keys_load(config, &keys, &setup->keys_skipped, why));
    setup->keys = key_store_create(keys);
    EH_TRY(topics_file_load(config, &topics, why));
    if (topics)
        setup->topics = topic_store_create(topics);
    return EH_OK;
}

/* Reads the files that a connection to Redis needs. */
static int read_redis_files(struct config *config, struct server_setup *setup, struct buf *why)
{
    EH_TRY(config_read_secrets(config, why));
    return redis_tls_load(config, &setup->redis_tls, why);
}

static int run(const struct server_setup *setup)
{
    const struct config *config = setup->config;

    log_setup((enum log_level)config->log_level, (enum log_format)config->log_format);
    json_set_alloc_funcs(mem_alloc, free); /* jansson, too, aborts when memory runs out */
    json_object_seed(0);                   /* from the system's randomness, before threads start */
    if (server_run(setup) == SERVER_DRAINED)
        return EXIT_SUCCESS;
    _exit(EXIT_FAILURE); /* threads may still run and use what is freed below */
}

static void print_metrics(void)
{
    const struct metrics_source none = { .version = STR(EVENTHUB_VERSION) };
    struct buf out = { 0 };

    metrics_write_prometheus(&none, &out);
    printf("%.*s", STR_ARG(buf_str(&out)));
    buf_done(&out);
}

static int act(enum config_action action, const struct config *config,
               const struct server_setup *setup)
{
    switch (action) {
    case CONFIG_HELP: config_print_options(stdout, CONFIG_TEXT_HELP); break;
    case CONFIG_MARKDOWN: config_print_options(stdout, CONFIG_TEXT_MARKDOWN); break;
    case CONFIG_MAN: config_print_options(stdout, CONFIG_TEXT_MAN); break;
    case CONFIG_FILE: config_print_options(stdout, CONFIG_TEXT_FILE); break;
    case CONFIG_METRICS: print_metrics(); break;
    case CONFIG_VERSION: puts("eventhub " EVENTHUB_VERSION); break;
    case CONFIG_CHECK: puts("the configuration is valid"); break;
    case CONFIG_CHECK_BROKER:
        return check_broker(config, setup->redis_tls) ? EXIT_SUCCESS : EXIT_FAILURE;
    case CONFIG_LIVE: return health_check(config, "/healthz") ? EXIT_SUCCESS : EXIT_FAILURE;
    case CONFIG_READY: return health_check(config, "/readyz") ? EXIT_SUCCESS : EXIT_FAILURE;
    case CONFIG_RUN: return run(setup);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    perror("eventhub: stdout");
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct config_source source = { .argc = argc, .argv = argv, .environment = environ };
    struct config config = { 0 };
    struct server_setup setup = { .config = &config, .service = &rpc_service };
    enum config_action action;
    struct buf why = { 0 };
    int status = EXIT_FAILURE;
    int rc;

    if (!fds_open_standard()) {
        perror("eventhub: /dev/null");
        return EXIT_FAILURE;
    }
    rc = config_load(&source, &config, &action, &why);
    if (rc == EH_OK && (action == CONFIG_RUN || action == CONFIG_CHECK))
        rc = read_files(&config, &setup, &why);
    else if (rc == EH_OK && action == CONFIG_CHECK_BROKER)
        rc = read_redis_files(&config, &setup, &why);
    if (rc < 0)
        fprintf(stderr, "eventhub: %.*s\n", STR_ARG(buf_str(&why)));
    else
        status = act(action, &config, &setup);
    buf_done(&why);
    key_store_free(setup.keys);
    topic_store_free(setup.topics);
    tls_free(setup.redis_tls);
    certificates_free(setup.certificates);
    config_done(&config);
    return status;
}
