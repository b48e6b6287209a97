/* ws_echo.c - the server with an echo in place of JSON-RPC: it sends every text and binary message
 * back as it came, which is what fuzzing clients expect. Everything else is the code of the server
 * itself. It takes the server's options, with defaults that need nothing else:
 *
 *     ws_echo --listen-port=9001
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config/config_load.h"
#include "app/conn/conn_ws.h"
#include "app/conn/key_store.h"
#include "app/server.h"
#include "base/array.h"
#include "base/log.h"

extern char **environ;

static void on_message(struct conn *c, enum ws_opcode op, struct str message)
{
    conn_ws_send(c, op, bytes_copy(message));
}

static const struct ws_service echo_service = { .on_message = on_message, .takes_binary = true };

/* The output queue is large, so that the server goes on reading while a client only sends. */
static void set_defaults(void)
{
    static const char *const defaults[][2] = {
        { "BROKER", "memory" },
        { "DISABLE_AUTH", "true" },
        { "MAX_MESSAGE_SIZE", "64m" },
        { "MAX_OUTPUT_QUEUE", "512m" },
    };

    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        (void)setenv(defaults[i][0], defaults[i][1], 0);
}

int main(int argc, char **argv)
{
    const struct config_source source = { .argc = argc, .argv = argv, .environment = environ };
    enum config_action action;
    struct config config;
    struct server_setup setup = { .config = &config, .service = &echo_service };
    enum server_end end;
    struct buf why = { 0 };

    set_defaults();
    if (config_load(&source, &config, &action, &why) < 0) {
        fprintf(stderr, "ws_echo: %.*s\n", STR_ARG(buf_str(&why)));
        return EXIT_FAILURE;
    }
    log_setup((enum log_level)config.log_level, (enum log_format)config.log_format);
    json_object_seed(0);
    setup.keys = key_store_create(keyring_create()); /* empty: nobody needs a token */
    end = server_run(&setup);
    if (end != SERVER_DRAINED)
        _exit(EXIT_FAILURE); /* some threads may run */
    key_store_free(setup.keys);
    config_done(&config);
    return EXIT_SUCCESS;
}
