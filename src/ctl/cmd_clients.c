#include "ctl/cmd_clients.h"

#include <jansson.h>

#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/control.h"
#include "ctl/link/control_pages.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/time_words.h"
#include "proto/json.h"

struct clients_options {
    const char *sub, *topic;
    uint64_t limit;
};

struct disconnect_options {
    const char *sub, *reason;
};

/* ---- clients ---- */

static void print_client(struct term *t, const json_t *client)
{
    struct buf out = { 0 };

    control_add_text(t, &out, client, "id");
    time_words_add_iso(&out, (uint64_t)control_number(client, "since") * 1000);
    buf_add_str(&out, STR("  "));
    control_add_text(t, &out, client, "protocol");
    control_add_text(t, &out, client, "address");
    buf_addf(&out, "subscriptions=%lld  queue=%lld  ", control_number(client, "subscriptions"),
             control_number(client, "queue"));
    buf_add_str(&out, STR("sub="));
    term_add_data(t, &out, json_text(json_object_get(client, "sub")));
    buf_add_char(&out, '\n');
    term_write(t, buf_str(&out));
    buf_done(&out);
}

/* A page has the clients in the order of their ids. */
static const char *last_id(const json_t *page)
{
    const json_t *clients = json_object_get(page, "clients");
    const json_t *last = json_array_get(clients, json_array_size(clients) - 1);

    return json_string_value(json_object_get(last, "id"));
}

static int run_clients(const struct invocation *in)
{
    static const struct control_pages pages = { "/api/clients", "clients", print_client, last_id };
    const struct clients_options *o = in->values;
    struct buf query = { 0 };
    int status;

    control_add_param(&query, "sub", o->sub);
    control_add_param(&query, "topic", o->topic);
    status = control_pages(in, &pages, buf_str(&query), o->limit);
    buf_done(&query);
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
    .about = "The server needs ENABLE_API, and your token needs \"clients\" in its claim admin.\n"
             "If the server has METRICS_LISTEN_PORT, the URL must name that port. Times are in\n"
             "UTC, and the queue is in bytes.",
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
        term_printf(in->term, "%lld\n", control_number(result, "disconnected"));
    return control_number(result, "disconnected") ? CTL_OK : CTL_NEGATIVE;
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
             "ENABLE_API, and your token needs \"clients\" in its claim admin. If the server has\n"
             "METRICS_LISTEN_PORT, the URL must name that port.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = disconnect_options,
    .size = sizeof(struct disconnect_options),
    .examples = disconnect_examples,
    .run = run_disconnect,
};
