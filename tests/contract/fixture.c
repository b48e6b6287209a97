#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/redis_login.h"

int fixture_setup(void **state)
{
    static unsigned serial;
    struct fixture *f = *state;

    snprintf(f->prefix, sizeof(f->prefix), "contract%u", serial++);
    f->at = (struct redis_endpoint){ "127.0.0.1", f->redis ? redis_server_port(f->redis) : 0 };
    f->config = (struct broker_config){
        .kind = f->redis ? BROKER_REDIS : BROKER_MEMORY,
        .cache = true,
        .max_cache_length = 5000,
        .default_ttl_s = 3600,
        .timeout_ms = NODE_PATIENCE_MS,
        .memory_limit = 256u * 1024 * 1024,
        .redis_hosts = &f->at,
        .n_redis_hosts = 1,
        .redis_prefix = f->prefix,
        .redis_pool_size = 5,
        .tail_memory = 1u << 20,
    };
    if (f->redis)
        redis_server_reset(f->redis);
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(f->nodes); i++) {
        struct node *n = f->nodes[i];

        f->nodes[i] = NULL;
        node_free(n); /* may fail the test */
    }
    redis_login_free(f->config.redis_login);
    return 0;
}

static struct node *keep_node(struct fixture *f, struct node *n)
{
    struct node **slot = f->nodes[0] ? &f->nodes[1] : &f->nodes[0];

    assert_null(*slot);
    *slot = n;
    node_await_ready(n, true);
    return n;
}

struct node *fixture_node(struct fixture *f)
{
    return keep_node(f, node_start(&f->config));
}

struct node *fixture_idle_node(struct fixture *f)
{
    return keep_node(f, node_start_idle(&f->config));
}

static void keep_page(struct history *ret, const struct broker_history *page)
{
    for (size_t i = 0; i < page->ret_n; i++) {
        assert_true(ret->n < ARRAY_LEN(ret->items));
        ret->items[ret->n++] = message_ref(page->ret_items[i]);
    }
    ret->pages++;
}

void history_read(struct node *n, struct broker_history question, struct history *ret)
{
    struct asked *a = node_history_call(n, &question);
    const struct broker_history *h = &a->call.history;

    a->call.timeout_ms = NODE_PATIENCE_MS;
    ret->n = 0;
    ret->pages = 0;
    do {
        node_history(n, a);
        if (ret->pages == 0) {
            ret->complete = h->ret_complete;
            ret->snapshot_end = h->snapshot_end;
        }
        assert_int_equal(msgid_cmp(h->snapshot_end, ret->snapshot_end), 0);
        assert_int_equal(h->newest, 0);
        keep_page(ret, h);
    } while (h->ret_more);
}

void history_done(struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        message_unref(h->items[i]);
    h->n = 0;
}

bool history_is(struct node *n, struct broker_history question, const struct msgid *ids,
                size_t count)
{
    static struct history got;

    history_read(n, question, &got);
    assert_int_equal(got.n, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(msgid_cmp(got.items[i]->id, ids[i]), 0);
    history_done(&got);
    return got.complete;
}
