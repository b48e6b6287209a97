#include "ctl/cmd_clients.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/control.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/time_words.h"
#include "proto/json.h"

#define PAGE 100 /* clients of one answer */

struct clients_options {
    const char *sub, *topic;
    uint64_t limit;
};

struct disconnect_options {
    const char *sub, *reason;
};

/* ---- clients ---- */

/* Adds a parameter with everything encoded that is not plain. */
static void add_param(struct buf *path, const char *name, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";

    if (!value)
        return;
    buf_addf(path, "&%s=", name);
    for (; *value; value++) {
        if (strchr(plain, *value))
            buf_add_char(path, *value);
        else
            buf_addf(path, "%%%02X", (unsigned char)*value);
    }
}

static long long number_of(const json_t *client, const char *name)
{
    return (long long)json_integer_value(json_object_get(client, name));
}

static void add_text(const struct term *t, struct buf *out, const json_t *client, const char *name)
{
    term_add_data(t, out, json_text(json_object_get(client, name)));
    buf_add_str(out, STR("  "));
}

static void print_client(struct term *t, const json_t *client)
{
    struct buf out = { 0 };

    add_text(t, &out, client, "id");
    time_words_add_iso(&out, (uint64_t)number_of(client, "since") * 1000);
    buf_add_str(&out, STR("  "));
    add_text(t, &out, client, "protocol");
    add_text(t, &out, client, "address");
    buf_addf(&out, "subscriptions=%lld  queue=%lld  ", number_of(client, "subscriptions"),
             number_of(client, "queue"));
    buf_add_str(&out, STR("sub="));
    term_add_data(t, &out, json_text(json_object_get(client, "sub")));
    buf_add_char(&out, '\n');
    term_write(t, buf_str(&out));
    buf_done(&out);
}

/* Prints a page. Returns the id of its last client; "" if it has none. */
static const char *print_page(const struct invocation *in, const json_t *clients)
{
    const json_t *client = NULL;
    const char *last;

    for (size_t i = 0; i < json_array_size(clients); i++) {
        client = json_array_get(clients, i);
        if (in->common->json)
            term_result_json(in->term, client);
        else
            print_client(in->term, client);
    }
    last = json_string_value(json_object_get(client, "id"));
    return last ? last : "";
}

static int run_clients(const struct invocation *in)
{
    const struct clients_options *o = in->values;
    uint64_t left = o->limit;
    char after[64] = "";
    bool more = true;
    int status = CTL_OK;

    while (status == CTL_OK && more && left > 0) {
        json_auto_t *page = NULL;
        const json_t *clients;
        struct buf path = { 0 };

        buf_addf(&path, "/api/clients?limit=%d", left < PAGE ? (int)left : PAGE);
        add_param(&path, "sub", o->sub);
        add_param(&path, "topic", o->topic);
        add_param(&path, "after", after[0] ? after : NULL);
        buf_add_char(&path, '\0');
        status = control_ask(in, buf_head(&path), NULL, &page);
        buf_done(&path);
        if (status != CTL_OK)
            break;
        clients = json_object_get(page, "clients");
        (void)snprintf(after, sizeof(after), "%s", print_page(in, clients));
        more = json_is_true(json_object_get(page, "more")) && after[0];
        left -= json_array_size(clients) < left ? json_array_size(clients) : left;
    }
    if (status == CTL_OK && more)
        term_note(in->term, "there are more clients; --limit shows more");
    return status;
}

static const struct option clients_options[] = {
    { "sub", 0, OPTION_TEXT, offsetof(struct clients_options, sub), .value = "SUB",
      .about = "only clients whose token has this sub" },
    { "topic", 0, OPTION_TEXT, offsetof(struct clients_options, topic), .value = "TOPIC",
      .about = "only clients that receive messages of this topic, or subscribed to this pattern" },
    { "limit", 'n', OPTION_NUMBER, offsetof(struct clients_options, limit), .value = "N",
      .initial = "1000", .min = 1, .max = 1000000, .about = "list at most this many clients" },
    { 0 },
};

static const struct example clients_examples[] = {
    { "eventhubctl clients --sub ann", "lists the connections of ann, on all nodes" },
    { 0 },
};

const struct command cmd_clients = {
    .name = "clients",
    .summary = "list the clients of all nodes",
    .arguments = "",
    .about = "The server needs ENABLE_API, and the token \"clients\" in its claim admin. If the\n"
             "server has METRICS_LISTEN_PORT, the URL must name that port. Times are in UTC,\n"
             "and the queue is in bytes.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = clients_options,
    .size = sizeof(struct clients_options),
    .examples = clients_examples,
    .run = run_clients,
};

/* ---- disconnect ---- */

static int run_disconnect(const struct invocation *in)
{
    const struct disconnect_options *o = in->values;
    json_auto_t *result = NULL;
    json_t *body = json_object();
    int status;

    if ((in->n_words == 1) == (o->sub != NULL)) {
        json_decref(body);
        term_error(in->term, "give either the ID of a client, as clients lists it, or --sub");
        return CTL_USAGE;
    }
    (void)json_object_set_new(body, o->sub ? "sub" : "client",
                              json_string(o->sub ? o->sub : in->words[0]));
    if (o->reason)
        (void)json_object_set_new(body, "reason", json_string(o->reason));
    status = control_ask(in, "/api/disconnect", body, &result);
    if (status != CTL_OK)
        return status;
    if (in->common->json)
        term_result_json(in->term, result);
    else
        term_printf(in->term, "%lld\n", number_of(result, "disconnected"));
    return number_of(result, "disconnected") ? CTL_OK : CTL_NEGATIVE;
}

static const struct option disconnect_options[] = {
    { "sub", 0, OPTION_TEXT, offsetof(struct disconnect_options, sub), .value = "SUB",
      .about = "disconnect all clients whose token has this sub" },
    { "reason", 0, OPTION_TEXT, offsetof(struct disconnect_options, reason), .value = "TEXT",
      .about = "tell the clients why, in at most 100 bytes" },
    { 0 },
};

static const struct example disconnect_examples[] = {
    { "eventhubctl disconnect --sub ann --reason 'the account was closed'",
      "closes the connections of ann, on all nodes" },
    { 0 },
};

const struct command cmd_disconnect = {
    .name = "disconnect",
    .summary = "disconnect a client, or all clients of a sub",
    .arguments = "[ID]",
    .max_words = 1,
    .about = "Prints how many clients were disconnected; if there was none, the exit status is\n"
             "1. Clients may connect again as long as their token is valid. The server needs\n"
             "ENABLE_API, and the token \"clients\" in its claim admin.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = disconnect_options,
    .size = sizeof(struct disconnect_options),
    .examples = disconnect_examples,
    .run = run_disconnect,
};
