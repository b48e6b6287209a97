/* micro.c - measures the parts of a delivery one by one: ns per operation (the best of several
 * rounds) or bytes. Prints JSON: [[what, figure, unit], ...].
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "hub/message.h"
#include "hub/topic.h"
#include "hub/trie.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "proto/utf8.h"
#include "proto/ws.h"

#define ROUNDS 5

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void print_figure(const char *what, double figure, const char *unit)
{
    static const char *before = "[";

    printf("%s[\"%s\",%.1f,\"%s\"]", before, what, figure, unit);
    before = ",\n";
}

static void print_row(const char *what, double ns)
{
    print_figure(what, ns, "ns");
}

typedef void operation_fn(void *arg, size_t i);

static double measure(operation_fn *fn, void *arg, size_t times)
{
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = now_ns();
        double each;

        for (size_t i = 0; i < times; i++)
            fn(arg, i);
        each = (double)(now_ns() - from) / (double)times;
        if (round == 0 || each < best)
            best = each;
    }
    return best;
}

/* ---- frames and text ---- */

struct frame {
    char *bytes;
    size_t n;
};

static void decode(void *arg, size_t i)
{
    const struct frame *f = arg;
    struct ws_decoder decoder;
    struct ws_event ev;

    (void)i;
    ws_decoder_init(&decoder);
    if (ws_decode(&decoder, f->bytes, f->n, UINT32_MAX, &ev) != (int)f->n)
        abort();
}

/* The mask is 0, so unmasking the same bytes again and again does not change them. */
static void measure_frame(const char *what, size_t payload)
{
    struct frame f = { .bytes = mem_zalloc(WS_IN_HEAD_MAX + payload) };
    size_t head = ws_encode_head(f.bytes, WS_OP_TEXT, payload);

    f.bytes[1] = (char)(f.bytes[1] | WS_MASKED);
    f.n = head + WS_MASK_LEN + payload;
    memset(f.bytes + head + WS_MASK_LEN, 'x', payload);
    print_row(what, measure(decode, &f, 200000));
    free(f.bytes);
}

static void check_utf8(void *arg, size_t i)
{
    (void)i;
    if (!utf8_is_valid(*(const struct str *)arg))
        abort();
}

static void measure_utf8(void)
{
    static char ascii[4096], greek[4096];
    struct str text[] = { str_make(ascii, 4096), str_make(greek, 4096) };

    memset(ascii, 'x', sizeof(ascii));
    for (size_t i = 0; i < sizeof(greek); i += 2)
        memcpy(greek + i, "\xce\xb1", 2);
    print_row("UTF-8, 4096 B of ASCII", measure(check_utf8, &text[0], 20000));
    print_row("UTF-8, 4096 B of two-byte letters", measure(check_utf8, &text[1], 20000));
}

/* ---- messages and matching ---- */

static void make_message(void *arg, size_t i)
{
    struct message *m = message_create((struct msgid){ 1574843571767, i }, STR("room/7/chat"),
                                       *(const struct str *)arg, STR(""));

    message_unref(m);
}

static void measure_message(void)
{
    static char text[130];
    struct str json = str_make(text, sizeof(text));

    memset(text, 'x', sizeof(text));
    text[0] = text[129] = '"';
    print_row("message of 128 B: created and released", measure(make_message, &json, 200000));
}

struct matching {
    struct trie *trie;
    size_t filters;
    size_t matched;
};

static size_t room(char *out, size_t i)
{
    return (size_t)snprintf(out, 40, "room/%zu/chat", i);
}

static void on_match(struct trie_sub *s, void *arg)
{
    (void)s;
    ((struct matching *)arg)->matched++;
}

static void match(void *arg, size_t i)
{
    struct matching *m = arg;
    char name[40];

    trie_match(m->trie, str_make(name, room(name, (i * 7919) % m->filters)), on_match, m);
}

static void name_only(void *arg, size_t i)
{
    const struct matching *m = arg;
    char name[40];

    if (room(name, (i * 7919) % m->filters) == 0)
        abort();
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Each subscription has two nodes of the trie to itself. */
static void measure_match(size_t filters)
{
    struct matching m = { .trie = trie_create(), .filters = filters };
    struct trie_sub *subs = mem_zalloc(filters * sizeof(subs[0]));
    size_t before = allocated();
    char what[80], name[40];

    for (size_t i = 0; i < filters; i++)
        trie_add(m.trie, str_make(name, room(name, i)), &subs[i]);
    (void)snprintf(what, sizeof(what), "memory per subscription, %zu to room/N/chat", filters);
    print_figure(what, (double)(allocated() - before) / (double)filters, "B");
    (void)snprintf(what, sizeof(what), "match among %zu subscriptions", filters);
    print_row(what, measure(match, &m, 200000) - measure(name_only, &m, 200000));
    for (size_t i = 0; i < filters; i++)
        trie_remove(m.trie, &subs[i]);
    trie_free(m.trie);
    free(subs);
}

/* ---- mail ---- */

static void on_mail(struct mail *m, void *owner)
{
    (void)owner;
    free(m);
}

static void post(void *arg, size_t i)
{
    struct mail *m = mem_zalloc(sizeof(*m));

    (void)i;
    m->fn = on_mail;
    mailbox_post(arg, m);
}

static void measure_mailbox(void)
{
    struct mailbox *box;
    struct loop *lp;

    if (loop_create(&lp) < 0 || mailbox_create(lp, NULL, &box) < 0)
        abort();
    print_row("mail posted to a mailbox that is not empty", measure(post, box, 100000));
    while (mailbox_drain(box))
        ;
    mailbox_free(box);
    loop_free(lp);
}

int main(void)
{
    measure_frame("frame of 128 B: decoded, unmasked, UTF-8 checked", 128);
    measure_frame("frame of 4096 B", 4096);
    measure_utf8();
    measure_message();
    measure_match(1000);
    measure_match(1000000);
    measure_mailbox();
    printf("]\n");
    return EXIT_SUCCESS;
}
