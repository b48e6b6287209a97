/* test_mailbox.c - several threads post to one receiver: all mail arrives, in order per thread. */
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
        cmocka_unit_test_setup_teardown(answers_a_resolver_query_by_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frees_a_resolver_before_its_answer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
