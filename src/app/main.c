/* main.c - options in, exit status out. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/certificates.h"
#include "app/config/config.h"
#include "app/health_check.h"
#include "app/redis_tls.h"
#include "app/rpc/rpc.h"
#include "app/server.h"
#include "app/token_keys.h"
#include "base/buf.h"
#include "base/mem.h"

extern char **environ;

static int run(const struct config *config, const struct keyring *keys)
{
    log_setup((enum log_level)config->log_level, (enum log_format)config->log_format);
    json_set_alloc_funcs(mem_alloc, free); /* so jansson aborts too when memory is out */
    json_object_seed(0);                   /* before threads: from the system's randomness */
    switch (server_run(config, keys, &rpc_service)) {
    case SERVER_DRAINED: return EXIT_SUCCESS;
    case SERVER_INTERRUPTED: _exit(EXIT_FAILURE); /* the threads still run: no tidying up */
    case SERVER_FAILED: break;
    }
    _exit(EXIT_FAILURE); /* some threads may run */
}

/* Of TLS, to the clients and to Redis. */
static int check_certificates(const struct config *config, struct str *ret_why)
{
    char why[TLS_WHY_MAX];
    struct buf text = { 0 };

    if (certificates_check(config, why) < 0)
        buf_addf(&text, "TLS: %s", why);
    else if (redis_tls_check(config, why) < 0)
        buf_addf(&text, "REDIS_TLS: %s", why);
    else
        return EH_OK;
    *ret_why = buf_str(&text);
    return EH_EINVAL;
}

/* What the options name is read before anything starts, and to check them, too. */
static int read_files(struct config *config, struct keyring **ret_keys, struct str *ret_why)
{
    EH_TRY(config_read_secrets(config, ret_why));
    EH_TRY(check_certificates(config, ret_why));
    return token_keys_load(config, ret_keys, ret_why);
}

static void print_refusal(struct str why)
{
    fprintf(stderr, "eventhub: %.*s\n", STR_ARG(why));
    free((char *)(uintptr_t)why.p);
}

int main(int argc, char **argv)
{
    struct keyring *keys = NULL;
    enum config_action action;
    struct config config;
    struct str why;
    int status = EXIT_SUCCESS;

    if (config_load(&config, argc, argv, environ, &action, &why) < 0) {
        print_refusal(why);
        return EXIT_FAILURE;
    }
    if ((action == CONFIG_RUN || action == CONFIG_CHECK) && read_files(&config, &keys, &why) < 0) {
        print_refusal(why);
        config_done(&config);
        return EXIT_FAILURE;
    }
    switch (action) {
    case CONFIG_HELP: config_print_options(stdout, CONFIG_TEXT_HELP); break;
    case CONFIG_MARKDOWN: config_print_options(stdout, CONFIG_TEXT_MARKDOWN); break;
    case CONFIG_MAN: config_print_options(stdout, CONFIG_TEXT_MAN); break;
    case CONFIG_FILE: config_print_options(stdout, CONFIG_TEXT_FILE); break;
    case CONFIG_VERSION: puts("eventhub " EVENTHUB_VERSION); break;
    case CONFIG_CHECK: puts("the configuration is valid"); break;
    case CONFIG_LIVE:
        status = health_check(&config, "/healthz") ? EXIT_SUCCESS : EXIT_FAILURE;
        break;
    case CONFIG_READY:
        status = health_check(&config, "/readyz") ? EXIT_SUCCESS : EXIT_FAILURE;
        break;
    case CONFIG_RUN: status = run(&config, keys); break;
    }
    keyring_free(keys);
    config_done(&config);
    return status;
}
