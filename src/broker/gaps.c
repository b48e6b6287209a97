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

/* Returns the index of the topic; gaps->n if it is not there. */
static size_t find(const struct gaps *gaps, struct str topic)
{
    size_t i = 0;

    while (i < gaps->n && !str_eq(gaps->topics[i], topic))
        i++;
    return i;
}

bool gaps_add(struct gaps **gaps, const struct gaps *more)
{
    struct str topics[GAPS_MAX];
    size_t n_before = *gaps ? (*gaps)->n : 0, n = n_before;

    for (size_t i = 0; i < n; i++)
        topics[i] = (*gaps)->topics[i];
    for (size_t i = 0; i < more->n; i++) {
        if (n_before && find(*gaps, more->topics[i]) < n_before)
            continue;
        if (n == GAPS_MAX)
            return false;
        topics[n++] = more->topics[i];
    }
    if (n > n_before) {
        struct gaps *both = gaps_create(topics, n);

        free(*gaps);
        *gaps = both;
    }
    return true;
}

static bool is_told(const struct gaps_told *told, struct str topic)
{
    size_t i = told->topics ? find(told->topics, topic) : 0;

    return told->topics && !told->is_past && i < told->topics->n && told->since[i] == GAPS_NOTHING;
}

static struct gaps *copy(const struct gaps *gaps)
{
    return gaps ? gaps_create(gaps->topics, gaps->n) : NULL;
}

bool gaps_news(struct gaps_told *told, const struct broker_history *page, struct gaps **ret_gaps)
{
    bool is_all = !page->ret_complete && !page->ret_gaps;
    bool is_news = is_all && (!told->all || told->is_past);
    struct str news[GAPS_MAX];
    enum gaps_since since = told->all && !is_news ? told->since[0] : GAPS_NOTHING;
    size_t n = 0;

    *ret_gaps = NULL;
    if (page->ret_complete) {
        told->is_past = true;
        return false;
    }
    for (size_t i = 0; page->ret_gaps && i < page->ret_gaps->n; i++) {
        if (!is_told(told, page->ret_gaps->topics[i]))
            news[n++] = page->ret_gaps->topics[i];
    }
    if (n)
        *ret_gaps = gaps_create(news, n);
    gaps_told_done(told);
    told->all = is_all;
    told->topics = copy(page->ret_gaps);
    if (is_all)
        told->since[0] = (uint8_t)since;
    return is_news || n;
}

void gaps_told_all(struct gaps_told *told)
{
    gaps_told_done(told);
    told->all = true;
}

void gaps_delivered(struct gaps_told *told, const struct message *m, bool is_entry)
{
    size_t i = told->topics ? find(told->topics, m->topic) : 0;

    if (is_entry && told->is_past)
        gaps_told_done(told);
    else if (told->all && (!is_entry || told->since[0] == GAPS_NOTHING))
        told->since[0] = is_entry ? GAPS_ENTRY : GAPS_LIVE;
    else if (told->topics && i < told->topics->n && told->since[i] != GAPS_ENTRY)
        told->since[i] = is_entry ? GAPS_ENTRY : GAPS_LIVE;
}

bool gaps_again(struct gaps_told *told, struct gaps **ret_gaps)
{
    struct str again[GAPS_MAX];
    bool is_all = told->all && told->since[0] == GAPS_LIVE;
    size_t n = 0;

    for (size_t i = 0; told->topics && i < told->topics->n; i++) {
        if (told->since[i] == GAPS_LIVE) {
            again[n++] = told->topics->topics[i];
            told->since[i] = GAPS_NOTHING;
        }
    }
    if (is_all)
        told->since[0] = GAPS_NOTHING;
    *ret_gaps = n ? gaps_create(again, n) : NULL;
    return is_all || n;
}

void gaps_interrupted(struct gaps_told *told)
{
    told->is_past = told->is_past || (told->all && told->since[0] != GAPS_NOTHING);
}

void gaps_told_done(struct gaps_told *told)
{
    free(told->topics);
    *told = (struct gaps_told){ 0 };
}
