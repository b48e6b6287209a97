#include "broker/gaps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct lost *lost_create(const struct str *topics, size_t n)
{
    size_t bytes = 0;
    struct lost *lost;
    char *text;

    assert(n > 0);
    for (size_t i = 0; i < n; i++)
        bytes += topics[i].n;
    lost = mem_zalloc(sizeof(*lost) + n * sizeof(lost->topics[0]) + bytes);
    lost->n = n;
    text = (char *)&lost->topics[n];
    for (size_t i = 0; i < n; i++) {
        memcpy(text, topics[i].p, topics[i].n);
        lost->topics[i] = str_make(text, topics[i].n);
        text += topics[i].n;
    }
    return lost;
}

static bool has_topic(const struct lost *lost, struct str topic)
{
    for (size_t i = 0; lost && i < lost->n; i++) {
        if (str_eq(lost->topics[i], topic))
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

/* Of `lost` those that are not in `said`, or (said NULL) of which the page brings nothing. */
static struct lost *pick(const struct lost *lost, const struct lost *said,
                         const struct broker_history *page)
{
    struct str picked[LOST_MAX];
    size_t n = 0;

    for (size_t i = 0; lost && i < lost->n; i++) {
        struct str topic = lost->topics[i];

        if (page ? !has_item_of(page, topic) : !has_topic(said, topic))
            picked[n++] = topic;
    }
    return n ? lost_create(picked, n) : NULL;
}

bool lost_news(struct lost_said *said, const struct broker_history *page, struct lost **ret_lost)
{
    bool is_all = !page->ret_complete && !page->ret_lost;
    struct lost *news = pick(page->ret_lost, said->topics, NULL);
    bool is_news = news || (is_all && !said->all);

    lost_said_done(said);
    said->all = is_all;
    said->topics = pick(page->ret_lost, NULL, page);
    *ret_lost = news;
    return is_news;
}

void lost_said_done(struct lost_said *said)
{
    free(said->topics);
    *said = (struct lost_said){ 0 };
}
