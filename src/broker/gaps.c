#include "broker/gaps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct gaps *gaps_create(const struct str *topics, size_t n)
{
    size_t bytes = 0;
    struct gaps *gaps;
    char *text;

    assert(n > 0);
    for (size_t i = 0; i < n; i++)
        bytes += topics[i].n;
    gaps = mem_zalloc(sizeof(*gaps) + n * sizeof(gaps->topics[0]) + bytes);
    gaps->n = n;
    text = (char *)&gaps->topics[n];
    for (size_t i = 0; i < n; i++) {
        memcpy(text, topics[i].p, topics[i].n);
        gaps->topics[i] = str_make(text, topics[i].n);
        text += topics[i].n;
    }
    return gaps;
}

static bool has_topic(const struct gaps *gaps, struct str topic)
{
    for (size_t i = 0; gaps && i < gaps->n; i++) {
        if (str_eq(gaps->topics[i], topic))
            return true;
    }
    return false;
}

static bool has_item_of(const struct broker_history *page, struct str topic)
{
    for (size_t i = 0; i < page->ret_n; i++) {
        if (str_eq(page->ret_items[i]->topic, topic))
            return true;
    }
    return false;
}

/* Copies the gaps that are not in `told` or, given a page, those without a message in the page.
 * Returns NULL when none are left. */
static struct gaps *pick(const struct gaps *gaps, const struct gaps *told,
                         const struct broker_history *page)
{
    struct str picked[GAPS_MAX];
    size_t n = 0;

    for (size_t i = 0; gaps && i < gaps->n; i++) {
        struct str topic = gaps->topics[i];

        if (page ? !has_item_of(page, topic) : !has_topic(told, topic))
            picked[n++] = topic;
    }
    return n ? gaps_create(picked, n) : NULL;
}

bool gaps_news(struct gaps_told *told, const struct broker_history *page, struct gaps **ret_gaps)
{
    bool is_all = !page->ret_complete && !page->ret_gaps;
    struct gaps *news = pick(page->ret_gaps, told->topics, NULL);
    bool is_news = news || (is_all && !told->all);

    gaps_told_done(told);
    told->all = is_all;
    told->topics = pick(page->ret_gaps, NULL, page);
    *ret_gaps = news;
    return is_news;
}

void gaps_told_done(struct gaps_told *told)
{
    free(told->topics);
    *told = (struct gaps_told){ 0 };
}
