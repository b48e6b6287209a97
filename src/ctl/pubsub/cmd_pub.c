#include "ctl/pubsub/cmd_pub.h"

#include "ctl/line/arguments.h"
#include "ctl/line/options.h"
#include "ctl/pubsub/publisher.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "proto/utf8.h"

#define KEY_MAX 64 /* bytes, as in the protocol */

struct values {
    bool lines;
    const char *file;
    uint64_t ttl_ms;
    const char *key;
    uint64_t rate;
    uint64_t repeat;
};

/* Returns NULL, or which rule the command line breaks. */
static const char *check(const struct invocation *in)
{
    const struct values *values = in->values;
    const bool has_message = in->n_words == 2;

    if (has_message + (values->file != NULL) + values->lines != 1)
        return "give one of MESSAGE, --lines (-l) and --file FILE (-f)";
    if (has_message && !in->words[1][0])
        return "the message must not be empty";
    if (has_message && !utf8_is_valid(str_of(in->words[1])))
        return "the message is not UTF-8 text: encode it, for example with base64";
    if (values->lines && values->repeat > 1)
        return "--repeat needs MESSAGE or --file: it cannot repeat lines";
    if (values->key && (values->lines || values->repeat > 1))
        return "--key is for a single message: with --lines and --repeat, each has a key of its "
               "own";
    if (values->key && (!values->key[0] || str_of(values->key).n > KEY_MAX))
        return "--key must be a text of 1 to 64 bytes";
    return NULL;
}

static int run(const struct invocation *in)
{
    const struct values *values = in->values;
    struct publisher_setup setup = {
        .topic = in->words[0],
        .repeat = values->repeat,
        .ttl_s = values->ttl_ms / 1000,
        .rate = values->rate,
        .key = values->key,
    };
    const char *wrong = check(in);
    struct buf text = { 0 };
    int status = argument_topic(in->term, in->words[0]);

    if (status == CTL_OK && wrong) {
        term_error(in->term, "%s", wrong);
        status = CTL_USAGE;
    }
    if (status == CTL_OK && values->file)
        status = argument_file(in->term, values->file, &text);
    if (status == CTL_OK && values->file && !buf_used(&text)) {
        term_error(in->term, "%s is empty: a message must not be empty", values->file);
        status = CTL_USAGE;
    }
    if (status == CTL_OK) {
        if (!values->lines)
            setup.text = values->file ? buf_str(&text) : str_of(in->words[1]);
        status = publisher_run(in, &setup);
    }
    buf_done(&text);
    return status;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    { "lines", 'l', OPTION_FLAG, MEMBER(lines),
      .about = "publish each line of stdin, without its LF or CRLF, as a message; empty lines are "
               "skipped" },
    { "file", 'f', OPTION_FILE, MEMBER(file), .value = "FILE",
      .about = "publish the whole file as one message; - is stdin" },
    { "ttl", 0, OPTION_DURATION, MEMBER(ttl_ms), .value = "TIME", .min = 1000, .max = YEAR_MS,
      .about = "how long the log keeps the message; without it, the server's default" },
    { "key", 0, OPTION_TEXT, MEMBER(key), .value = "KEY",
      .about = "within 5 minutes, messages with the same key and topic are published once; without "
               "it, the key is random" },
    { "rate", 0, OPTION_RATE, MEMBER(rate), .value = "N/s", .min = 1, .max = 1000000,
      .about = "publish at most this many messages per second" },
    { "repeat", 0, OPTION_NUMBER, MEMBER(repeat), .value = "N", .initial = "1", .min = 1,
      .max = UINT64_C(1000000000), .about = "publish the message this many times" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl pub news/today Hello", "publishes one message" },
    { "tail -f app.log | eventhubctl pub -l logs/app", "publishes each new line" },
    { "eventhubctl pub -f report.json --ttl 7d reports/daily", "publishes a file" },
    { "eventhubctl pub --repeat 1000 --rate 100/s test/load Hello",
      "publishes a message 1000 times in 10 seconds" },
    { 0 },
};

const struct command cmd_pub = {
    .name = "pub",
    .summary = "publish messages",
    .arguments = "TOPIC [MESSAGE]",
    .min_words = 1,
    .max_words = 2,
    .about = "Publishes MESSAGE, a file, or each line of stdin. Prints the id of a single\n"
             "message, and how many of several were published. When the connection is lost,\n"
             "it connects again and repeats the unconfirmed messages; each message is stored\n"
             "once, in order. Ends with status 1 if a message was refused.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
