/* test_mailbox.c - several threads post to one receiver: all mail arrives, in order per thread, and
 * one turn of the loop delivers a share of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "net/loop.h"
#include "net/mailbox.h"
#include "net/resolver.h"

#define POSTERS 4
#define MAILS   20000

struct letter {
    struct mail mail;
    int poster;
    int number;
};

struct receiver {
    struct loop *loop;
    struct mailbox *box;
    int next[POSTERS];
    int total;
    int expected;
};

static void on_letter(struct mail *m, void *owner)
{
    struct letter *l = container_of(m, struct letter, mail);
    struct receiver *r = owner;

    assert_int_equal(l->number, r->next[l->poster]);
    r->next[l->poster]++;
    free(l);
    if (++r->total == r->expected)
        loop_stop(r->loop);
}

static void post(struct receiver *r, int poster, int number)
{
    struct letter *l = malloc(sizeof(*l));

    *l = (struct letter){ .mail.fn = on_letter, .poster = poster, .number = number };
    mailbox_post(r->box, &l->mail);
}

struct poster {
    pthread_t thread;
    struct receiver *to;
    int index;
};

static void *post_all(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < MAILS; i++)
        post(p->to, p->index, i);
    return NULL;
}

static int set_up(void **state)
{
    struct receiver *r = calloc(1, sizeof(*r));

    *state = r;
    if (loop_create(&r->loop) < 0)
        return -1;
    return mailbox_create(r->loop, r, &r->box);
}

static int tear_down(void **state)
{
    struct receiver *r = *state;

    mailbox_free(r->box);
    loop_free(r->loop);
    free(r);
    return 0;
}

static void keeps_the_order_of_each_poster(void **state)
{
    struct receiver *r = *state;
    struct poster posters[POSTERS];

    r->expected = POSTERS * MAILS;
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){ .to = r, .index = i };
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    loop_run(r->loop); /* would hang if a wake-up were lost */
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    assert_int_equal(r->total, POSTERS * MAILS);
}

static void delivers_without_a_loop_when_drained(void **state)
{
    struct receiver *r = *state;

    r->expected = -1;
    assert_false(mailbox_drain(r->box));
    post(r, 0, 0);
    post(r, 0, 1);
    assert_true(mailbox_drain(r->box));
    assert_int_equal(r->total, 2);
    assert_false(mailbox_drain(r->box));
}

static void on_letter_posts_another(struct mail *m, void *owner)
{
    (void)m;
    post(owner, 0, 0);
}

static void wakes_again_for_mail_posted_by_mail(void **state)
{
    struct receiver *r = *state;
    struct mail first = { .fn = on_letter_posts_another };

    r->expected = 1;
    mailbox_post(r->box, &first);
    loop_run(r->loop);
    assert_int_equal(r->total, 1);
}

/* ---- the share of a turn ---- */

#define TARGETS 600

/* A mail that causes a flush, and notes in which turn. */
struct answer {
    struct mail mail;
    struct loop_task flush;
    int turn;
};

struct turns {
    struct receiver *receiver;
    struct loop_task end; /* of each turn */
    int n;
    int most; /* 0: until all have arrived */
    int next; /* the answer that is expected */
    struct answer answers[TARGETS];
};

static struct turns turns;

static void do_nothing(struct loop_task *task)
{
    (void)task;
}

static void on_answer(struct mail *m, void *owner)
{
    struct answer *a = container_of(m, struct answer, mail);
    struct receiver *r = owner;

    assert_ptr_equal(a, &turns.answers[turns.next++]);
    a->turn = turns.n;
    loop_flush_later(r->loop, &a->flush);
}

static void on_turn_over(struct loop_task *task)
{
    turns.n++;
    if (turns.next == TARGETS || turns.n == turns.most)
        loop_stop(turns.receiver->loop);
    else
        loop_at_end(turns.receiver->loop, task);
}

static void post_answers(struct receiver *r, int from, int to)
{
    for (int i = from; i < to; i++) {
        turns.answers[i].mail.fn = on_answer;
        turns.answers[i].flush.fn = do_nothing;
        mailbox_post(r->box, &turns.answers[i].mail);
    }
}

static int n_of_turn(int turn)
{
    int n = 0;

    for (int i = 0; i < TARGETS; i++)
        n += turns.answers[i].turn == turn;
    return n;
}

static void run_turns(struct receiver *r)
{
    turns.receiver = r;
    turns.end.fn = on_turn_over;
    loop_at_end(r->loop, &turns.end);
    loop_run(r->loop);
}

static void leaves_mail_for_the_next_turn_when_it_causes_much_output(void **state)
{
    (void)state;
    turns = (struct turns){ 0 };
    post_answers(*state, 0, TARGETS);
    run_turns(*state);
    assert_true(turns.n >= 3);
    for (int i = 0; i < turns.n; i++)
        assert_in_range(n_of_turn(i), 0, 256);
}

struct late_post {
    struct mail mail;
    int from;
};

/* Posts the other half while the first is being delivered. */
static void on_late_post(struct mail *m, void *owner)
{
    post_answers(owner, container_of(m, struct late_post, mail)->from, TARGETS);
}

static void keeps_the_order_of_mail_that_was_left(void **state)
{
    struct receiver *r = *state;
    struct late_post late = { .mail.fn = on_late_post, .from = 300 };

    turns = (struct turns){ 0 };
    mailbox_post(r->box, &late.mail);
    post_answers(r, 0, 300);
    run_turns(r); /* on_answer checks the order */
    assert_int_equal(turns.next, TARGETS);
}

static void drains_mail_that_was_left(void **state)
{
    struct receiver *r = *state;

    turns = (struct turns){ .most = 1 };
    post_answers(r, 0, TARGETS);
    run_turns(r);
    assert_in_range(turns.next, 1, 256);
    assert_true(mailbox_drain(r->box));
    assert_int_equal(turns.next, TARGETS);
    assert_false(mailbox_drain(r->box));
}

static int resolved;

static void on_resolved(struct mail *m, void *owner)
{
    struct resolver_answer *a = container_of(m, struct resolver_answer, mail);
    struct receiver *r = owner;

    assert_int_equal(a->tag, 7);
    assert_int_equal(a->err, 0);
    assert_non_null(a->list);
    resolver_answer_free(a);
    resolved++;
    loop_stop(r->loop);
}

static void answers_a_resolver_query_by_mail(void **state)
{
    struct receiver *r = *state;
    struct resolver *resolver = resolver_create(r->box);

    assert_int_equal(resolver_ask(resolver, on_resolved, "127.0.0.1", 6379, 7), EH_OK);
    loop_run(r->loop);
    assert_int_equal(resolved, 1);
    resolver_free(resolver);
}

/* The answer to a query under way is dropped, and resolver_free does not wait for it. */
static void frees_a_resolver_before_its_answer(void **state)
{
    struct receiver *r = *state;

    for (int i = 0; i < 50; i++) {
        struct resolver *resolver = resolver_create(r->box);

        assert_int_equal(resolver_ask(resolver, on_resolved, "127.0.0.1", 1, 7), EH_OK);
        resolver_free(resolver);
    }
    while (mailbox_drain(r->box)) /* answers that came first */
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_order_of_each_poster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(delivers_without_a_loop_when_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wakes_again_for_mail_posted_by_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_mail_for_the_next_turn_when_it_causes_much_output,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_order_of_mail_that_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drains_mail_that_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_a_resolver_query_by_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frees_a_resolver_before_its_answer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
