/* The input is what Redis sends on a connection. It must lead to the same replies whether it
 * arrives whole or in two pieces. Each reply is read as the answer to every command, and whatever is
 * accepted must be valid for the rest of the program. */
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/buf.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_payload.h"
#include "broker/gaps.h"
#include "broker/redis/redis_presence_text.h"
#include "broker/redis/redis_parser.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_revoked_reply.h"
#include "broker/redis/redis_sentinel_text.h"
#include "broker/redis/redis_slots.h"
#include "hub/topic.h"

#define GONE_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* ---- the readers of replies ---- */

/* The body is the end of a JSON-RPC answer, so with its start put back it must be valid JSON. */
static void check_message(const struct message *m)
{
    struct str object = message_object(m);
    json_t *tree = json_loadb(object.p, object.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

    check(topic_is_valid(m->topic), "topic of a message");
    check(json_is_object(tree), "a message is an object");
    check(json_is_string(json_object_get(tree, "message")), "with a text");
    json_decref(tree);
}

static void read_publish(const redisReply *r)
{
    struct broker_publish publish = { 0 };
    size_t n = r->type == REDIS_REPLY_ARRAY ? r->elements : 1;

    check(redis_reply_is_error(r) || !redis_reply_of_message(r, n, n),
          "no message beyond the last");
    for (size_t i = 0; i < n; i++) {
        const redisReply *own = redis_reply_of_message(r, n, i);

        check(!own || redis_reply_is_error(r) || r->type == REDIS_REPLY_ARRAY,
              "the form of a batch");
        if (own && redis_reply_publish(own, &publish) == EH_OK)
            check(!publish.ret_repeated || publish.ret_retry_ms == 0, "repeated or limited");
    }
    if (redis_reply_publish(r, &publish) == EH_OK)
        check(!publish.ret_repeated || publish.ret_retry_ms == 0, "repeated or limited");
}

static void read_kv(const redisReply *r)
{
    struct broker_kv kv = { 0 };

    if (redis_reply_get(r, &kv) == EH_OK) {
        check(kv.ret_found == (kv.ret_value != NULL), "value found");
        if (kv.ret_value)
            shared_unref(&kv.ret_value->shared);
    }
    if (redis_reply_delete(r, &kv) == EH_OK)
        check(r->type == REDIS_REPLY_INTEGER, "deleted");
    if (redis_reply_count(r, &(uint64_t){ 0 }) == EH_OK)
        check(r->type == REDIS_REPLY_INTEGER && r->integer >= 0, "count");
    if (redis_reply_set(r) == EH_OK)
        check(r->type == REDIS_REPLY_STATUS, "set");
}

/* The JSON text in log entries is not parsed again: our own script wrote it. */
static void read_history(const redisReply *r)
{
    struct broker_history h = { .since = -1 };
    struct str gone[GONE_MAX];
    size_t n_gone = 0;

    if (redis_reply_history(r, &h, gone, GONE_MAX, &n_gone) < 0) {
        check(!h.ret_items, "nothing is kept");
        return;
    }
    check(n_gone <= GONE_MAX, "topics gone");
    for (size_t i = 0; i < h.ret_n; i++) {
        check(topic_is_valid(h.ret_items[i]->topic), "topic of an entry");
        message_unref(h.ret_items[i]);
    }
    free(h.ret_items);
    for (size_t i = 0; h.ret_gaps && i < h.ret_gaps->n; i++)
        check(topic_is_valid(h.ret_gaps->topics[i]), "topic of a gap");
    free(h.ret_gaps);
}

static void read_revoked(const redisReply *r)
{
    struct redis_revoked_page page;
    struct revocation v;
    bool is_full;

    if (redis_revoke_reply(r, &is_full) == EH_OK)
        check(r->type == REDIS_REPLY_INTEGER, "the answer to a revocation");
    if (redis_revoked_reply(r, &page) < 0)
        return;
    for (size_t i = 0; i < page.n; i++) {
        if (redis_revoked_entry(r, i, &v) == EH_OK)
            check(v.name.n > 0, "a name");
    }
}

/* Both have the same author, or none. */
static bool is_author_equal(const struct message *a, const struct message *b)
{
    struct author one, other;

    if (!a->has_author || !b->has_author)
        return a->has_author == b->has_author;
    one = message_author(a);
    other = message_author(b);
    return one.worker == other.worker && one.slot == other.slot &&
           one.generation == other.generation && one.n == other.n;
}

/* The answers to questions about many topics. */
static void read_answers(const redisReply *r)
{
    struct redis_answer names = { 0 }, ids = { 0 }, latest = { 0 }, states = { 0 };
    struct str gone[GONE_MAX];
    size_t n_gone = 0;

    if (redis_reply_names(r, &names) == EH_OK)
        check(names.index.p && names.at.p, "where the walk goes on");
    if (redis_reply_ids(r, &ids, gone, GONE_MAX, &n_gone) == EH_OK)
        check(n_gone <= GONE_MAX, "topics gone");
    if (redis_reply_latest(r, &latest, gone, GONE_MAX, &n_gone) == EH_OK)
        check(n_gone <= GONE_MAX, "topics gone");
    if (redis_reply_states(r, &states) == EH_OK)
        check(states.n_ids > 0, "a list of topics makes progress");
    redis_answer_done(&states);
    redis_answer_done(&names);
    redis_answer_done(&ids);
    redis_answer_done(&latest);
}

/* With a space in front a payload is not as our script writes it, and is parsed with a tree.
 * Both ways must give the same message. */
static void check_long_way(struct str topic, struct str payload, const struct message *m,
                           uint64_t expires_ms)
{
    struct buf spaced = { 0 };
    uint64_t other_expires_ms;
    struct message *other;

    buf_add_char(&spaced, ' ');
    buf_add_str(&spaced, payload);
    other = redis_payload_parse(topic, buf_str(&spaced), &other_expires_ms);
    check((m != NULL) == (other != NULL), "both ways take it or refuse it");
    check(!m || (str_eq(m->body, other->body) && m->legacy == other->legacy), "same message");
    check(!m || expires_ms == other_expires_ms, "same expiry");
    check(!m || is_author_equal(m, other), "same author");
    message_unref(other);
    buf_done(&spaced);
}

static void read_presence(struct str text)
{
    struct redis_presence_question question;
    struct redis_presence_answer answer;

    if (redis_presence_read_question(text, &question) == EH_OK) {
        check(question.ask || filter_is_valid(str_of(question.filter)), "filter of a question");
        json_decref(question.ask);
    }
    if (redis_presence_read_answer(text, &answer) == EH_OK) {
        presence_done(&answer.presence);
        json_decref(answer.answers);
    }
}

static void read_push(const redisReply *r)
{
    struct redis_push push;
    uint64_t expires_ms;
    struct message *m;

    if (redis_reply_push(r, &push) < 0)
        return;
    m = redis_payload_parse(push.channel, push.payload, &expires_ms);
    if (m)
        check_message(m);
    check_long_way(push.channel, push.payload, m, expires_ms);
    message_unref(m);
    read_presence(push.payload);
}

static void read_redirect(const redisReply *r)
{
    struct redis_redirect redirect = redis_redirect_of(r);
    bool has_target = redirect.kind == REDIS_REDIRECT_MOVED || redirect.kind == REDIS_REDIRECT_ASK;

    check(redirect.kind == REDIS_REDIRECT_NONE || redis_reply_is_error(r), "only errors redirect");
    check(has_target || (redirect.slot == 0 && redirect.endpoint.port == 0), "target");
    check(redirect.slot < REDIS_SLOTS, "slot");
    check(redirect.endpoint.host[0] != '/', "no path");
    check(redirect.endpoint.port || !redirect.endpoint.host[0], "a host has a port");
}

/* A text that is cut off anywhere reports nothing that the whole text does not. */
static void read_info(struct str text)
{
    struct redis_info whole, part;

    redis_info_parse(&whole, text);
    redis_info_parse(&part, str_make(text.p, text.n / 2));
    check(whole.is_known || !part.is_known, "a part is not known better than the whole");
    check(strlen(whole.version) < sizeof(whole.version), "version ends");
    check(strlen(whole.replid) < sizeof(whole.replid), "replid ends");
    check(whole.maxmemory >= -1 && whole.tcp_port >= -1, "numbers");
}

static void check_endpoint(const struct redis_endpoint *e)
{
    struct redis_endpoint again;

    check(redis_endpoint_set(&again, str_of(e->host), e->port) == EH_OK, "endpoint");
    check(redis_endpoint_equal(e, &again), "same endpoint");
}

/* Reads the answers that tell where the master is. */
static void read_master(const redisReply *r)
{
    static const struct redis_endpoint asked = { "asked.example", 7000 };
    struct redis_sentinel_master master;
    struct redis_slots slots;

    if (redis_sentinel_read_master(r, &master) == EH_OK)
        check_endpoint(&master.endpoint);
    if (redis_slots_read(r, 100, &asked, &slots) < 0)
        return;
    check(slots.n_nodes <= REDIS_NODES_MAX, "nodes");
    check(!slots.is_named || slots.has_owner, "owner");
    check(!slots.is_named || slots.n_nodes > 0, "the owner is a node");
    if (slots.is_named)
        check_endpoint(&slots.owner);
    for (size_t i = 0; i < slots.n_nodes; i++)
        check_endpoint(&slots.nodes[i]);
}

static void read_reply(const redisReply *r)
{
    struct redis_fenced fenced;
    struct redis_probed probed;

    if (redis_reply_needs_reconnect(r))
        check(redis_reply_is_error(r), "only an error needs a reconnect");
    if (redis_reply_fence(r, &fenced) == EH_OK)
        check(strlen(fenced.replid) < REPLID_N && !msgid_is_zero(fenced.ids.last),
              "answer of a fence");
    if (redis_reply_probe(r, &probed) == EH_OK)
        check(strlen(probed.replid) < REPLID_N, "answer of a probe");
    read_publish(r);
    read_kv(r);
    read_history(r);
    read_revoked(r);
    read_answers(r);
    read_push(r);
    read_master(r);
    read_redirect(r);
    if (redis_reply_text(r).p)
        read_info(redis_reply_text(r));
}

/* ---- the stream ---- */

static void log_reply(struct buf *log, const redisReply *r)
{
    struct str text = redis_reply_text(r);

    buf_addf(log, "%d %lld %zu:", r->type, r->integer, text.n);
    buf_add_str(log, text);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        log_reply(log, r->element[i]);
}

static bool feed(struct redis_parser *reader, struct str bytes, struct buf *log)
{
    const redisReply *reply;

    while (redis_parser_next(reader, &reply) == EH_OK) {
        if (reply) {
            read_reply(reply);
            log_reply(log, reply);
        } else if (bytes.n) {
            redis_parser_feed(reader, &bytes);
        } else {
            return true;
        }
    }
    return false;
}

/* Reads a stream cut in two, and after a reset another one, whatever the first one left behind. */
static void read_cut(struct str all, size_t cut, struct buf *log)
{
    struct redis_parser *reader = redis_parser_create();

    if (feed(reader, str_make(all.p, cut), log))
        (void)feed(reader, str_skip(all, cut), log);
    redis_parser_reset(reader);
    (void)feed(reader, all, log);
    redis_parser_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str all = str_make((const char *)p, n);
    struct buf whole = { 0 }, two = { 0 };

    read_cut(all, n, &whole);
    read_cut(all, n / 2, &two);
    check(str_eq(buf_str(&whole), buf_str(&two)), "same replies");
    buf_done(&whole);
    buf_done(&two);
    read_presence(all);
    check(redis_slot_of(all) < REDIS_SLOTS, "slot");
    read_info(all);
    return 0;
}
