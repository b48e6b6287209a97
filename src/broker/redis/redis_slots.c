/* redis_slots.c - the answer to CLUSTER SLOTS is an array of ranges:
 *
 *     first slot, last slot, master, replica...
 *
 * and each node is an array: endpoint, port, id and (since Redis 7) an array with more about it.
 * The endpoint is an address or a name, as cluster-preferred-endpoint-type says, NULL or "" for the
 * host that answered (before Redis 7 a node that does not know its own address yet), or "?" if a
 * name is wanted and the node has none. A name is kept as it is: the certificate is checked against
 * it.
 *
 * Only one slot matters to us. The other nodes are kept because any of them can be asked next, when
 * the owner does not answer. The replicas of the slot come first: one of them is the next owner.
 */
#include "broker/redis/redis_slots.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_reply.h"

enum { RANGE_FIRST, RANGE_LAST, RANGE_NODES };
enum { NODE_HOST, NODE_PORT, NODE_MIN };

/* ---- the slot of a key ---- */

/* CRC-16/XMODEM: polynomial 0x1021, starts at 0. */
static uint16_t crc16(struct str s)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < s.n; i++) {
        crc ^= (uint16_t)((unsigned char)s.p[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

unsigned redis_slot_of(struct str key)
{
    const char *open = key.n ? memchr(key.p, '{', key.n) : NULL, *close;
    struct str tag;

    if (!open)
        return crc16(key) % REDIS_SLOTS;
    tag = str_skip(key, (size_t)(open - key.p) + 1);
    close = tag.n ? memchr(tag.p, '}', tag.n) : NULL;
    if (!close || close == tag.p)
        return crc16(key) % REDIS_SLOTS;
    tag.n = (size_t)(close - tag.p);
    return crc16(tag) % REDIS_SLOTS;
}

/* ---- CLUSTER SLOTS ---- */

/* Reports whether the reply is a range; *ret_has_slot whether it contains the slot. */
static bool read_range(const struct redisReply *r, unsigned slot, bool *ret_has_slot)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < RANGE_NODES ||
        r->element[RANGE_FIRST]->type != REDIS_REPLY_INTEGER ||
        r->element[RANGE_LAST]->type != REDIS_REPLY_INTEGER)
        return false;
    *ret_has_slot = r->element[RANGE_FIRST]->integer <= (long long)slot &&
                    (long long)slot <= r->element[RANGE_LAST]->integer;
    return true;
}

/* EH_ENOENT: it is a node whose endpoint is not known. EH_EINVAL: it is not a node. */
static int read_node(const struct redisReply *r, const struct redis_endpoint *from,
                     struct redis_endpoint *ret)
{
    struct str host;

    if (r->type != REDIS_REPLY_ARRAY || r->elements < NODE_MIN ||
        r->element[NODE_PORT]->type != REDIS_REPLY_INTEGER || r->element[NODE_PORT]->integer < 0)
        return EH_EINVAL;
    host = redis_reply_text(r->element[NODE_HOST]);
    if (!host.p && r->element[NODE_HOST]->type != REDIS_REPLY_NIL)
        return EH_EINVAL;
    if (redis_reply_is_error(r->element[NODE_HOST]))
        return EH_EINVAL;
    if (!host.p || host.n == 0)
        host = str_of(from->host);
    if (str_eq(host, STR("?")))
        return EH_ENOENT;
    return redis_endpoint_set(ret, host, (uint64_t)r->element[NODE_PORT]->integer);
}

static void add_node(struct redis_slots *s, const struct redis_endpoint *e)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        if (redis_endpoint_equal(&s->nodes[i], e))
            return;
    }
    if (s->n_nodes < REDIS_NODES_MAX)
        s->nodes[s->n_nodes++] = *e;
}

static void add_nodes(struct redis_slots *s, const struct redisReply *range,
                      const struct redis_endpoint *from)
{
    struct redis_endpoint e;

    for (size_t i = RANGE_NODES; i < range->elements; i++) {
        if (read_node(range->element[i], from, &e) == EH_OK)
            add_node(s, &e);
    }
}

/* Takes the first range with the slot whose master can be read. */
static void take_owner(struct redis_slots *s, const struct redisReply *range,
                       const struct redis_endpoint *from)
{
    int rc;

    add_nodes(s, range, from);
    if (s->is_named || range->elements <= RANGE_NODES)
        return;
    rc = read_node(range->element[RANGE_NODES], from, &s->owner);
    s->has_owner = s->has_owner || rc != EH_EINVAL;
    s->is_named = rc == EH_OK;
}

/* A cluster whose slots are all unassigned answers an empty array. */
static bool is_answer(const struct redisReply *r)
{
    bool has_slot;

    if (r->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < r->elements; i++) {
        if (read_range(r->element[i], 0, &has_slot))
            return true;
    }
    return r->elements == 0;
}

int redis_slots_read(const struct redisReply *r, unsigned slot, const struct redis_endpoint *from,
                     struct redis_slots *ret)
{
    bool has_slot;

    if (!is_answer(r))
        return EH_EINVAL;
    *ret = (struct redis_slots){ 0 };
    for (size_t i = 0; i < r->elements; i++) {
        if (read_range(r->element[i], slot, &has_slot) && has_slot)
            take_owner(ret, r->element[i], from);
    }
    for (size_t i = 0; i < r->elements && ret->n_nodes < REDIS_NODES_MAX; i++) {
        if (read_range(r->element[i], slot, &has_slot))
            add_nodes(ret, r->element[i], from);
    }
    return EH_OK;
}
