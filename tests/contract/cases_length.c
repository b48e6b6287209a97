/* The length of a topic's log that a publish asks for, instead of MAX_CACHE_LENGTH. */
#include "contract/fixture.h"

static struct msgid publish_length(struct node *n, const char *topic, uint64_t max_length)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    a->call.publish.max_length = max_length;
    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish.ret_id;
}

/* A publish may ask for another length of its topic's log; without one it is the default. */
static void keeps_as_many_entries_as_a_publish_asks_for(void **state)
{
    enum { N = 8, LENGTH = 5 };
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("own") };
    struct msgid ids[N], usual[N], first;
    struct node *n;

    f->config.max_cache_length = LENGTH;
    f->config.tail_memory = 0; /* so that Redis is asked */
    n = fixture_node(f);
    first = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < N; i++) {
        ids[i] = publish_length(n, "own", N - 1);
        usual[i] = node_publish(n, "usual", "\"x\"");
    }
    question.after = first;
    assert_false(history_is(n, question, ids + 1, N - 1));
    question.after = ids[0];
    assert_true(history_is(n, question, ids + 1, N - 1));
    question.filter = STR("usual");
    question.after = usual[N - LENGTH - 1];
    assert_true(history_is(n, question, usual + N - LENGTH, LENGTH));

    question.filter = STR("own");
    ids[0] = publish_length(n, "own", 2); /* a lower length removes the others */
    question.after = first;
    assert_false(history_is(n, question, (struct msgid[]){ ids[N - 1], ids[0] }, 2));
    question.after = ids[N - 2];
    assert_true(history_is(n, question, (struct msgid[]){ ids[N - 1], ids[0] }, 2));
    ids[1] = publish_length(n, "own", 0);
    assert_true(history_is(n, question, (struct msgid[]){ ids[N - 1], ids[0], ids[1] }, 3));
}

/* Messages of one script, or of one turn of the memory engine, each with the length of its topic. */
static void keeps_the_length_of_each_topic_of_a_batch(void **state)
{
    enum { N = 6, TOPICS = 3 };
    static const char *const topics[TOPICS] = { "b/one", "b/two", "b/default" };
    static const uint64_t lengths[TOPICS] = { 1, 4, 0 };
    struct fixture *f = *state;
    struct asked *asked[N * TOPICS];
    struct msgid first, kept[N * TOPICS];
    struct node *n;

    f->config.max_cache_length = 2;
    f->config.tail_memory = 0;
    n = fixture_node(f);
    first = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        asked[i] = node_publish_call(n, topics[i % TOPICS], STR("\"x\""));
        asked[i]->call.publish.max_length = lengths[i % TOPICS];
        node_post(n, 0, asked[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        node_await(n, asked[i]);
    for (size_t t = 0; t < TOPICS; t++) {
        size_t length = lengths[t] ? lengths[t] : 2;
        struct broker_history question = { .filter = str_of(topics[t]), .after = first };

        for (size_t i = 0; i < length; i++)
            kept[i] = asked[(N - length + i) * TOPICS + t]->call.publish.ret_id;
        assert_false(history_is(n, question, kept, length));
    }
}

int length_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(keeps_as_many_entries_as_a_publish_asks_for, f),
        FIXTURE_TEST(keeps_the_length_of_each_topic_of_a_batch, f),
    };

    return cmocka_run_group_tests_name("length", tests, NULL, NULL);
}
