#include "broker/mem/mem_list.h"

#include "broker/mem/mem_read.h"
#include "broker/topic_page.h"
#include "hub/topic.h"

/* Adds the topic if the filter matches it. Returns false if there is no room: the page ends. */
static bool take(struct topic_page *page, struct str filter, const struct mem_topic *topic)
{
    if (mem_log_length(topic) == 0 || !filter_matches(filter, topic->name))
        return true;
    if (topic_page_is_full(page)) {
        topic_page_go_on(page, topic_name_str(&page->items[page->n - 1].name));
        return false;
    }
    topic_page_add(page, topic->name, mem_log_length(topic), mem_ring_last(&topic->entries));
    return true;
}

static void walk(struct mem_topics *topics, const struct broker_list *list)
{
    struct str prefix = filter_fixed_prefix(list->filter);
    bool goes_on = str_cmp(list->after, prefix) >= 0;
    struct mem_topic *topic = mem_topics_from(topics, goes_on ? list->after : prefix);

    if (goes_on && topic && str_eq(topic->name, list->after))
        topic = topic->next[0];
    for (size_t n = 1; topic && !pattern_is_past(list->filter, prefix, topic->name); n++) {
        if (!take(list->ret_page, list->filter, topic))
            return;
        if (n == BROKER_LIST_NAMES) {
            topic_page_go_on(list->ret_page, topic->name);
            return;
        }
        topic = topic->next[0];
    }
}

void mem_list(struct mem_log *log, struct broker_list *list, uint64_t mono_ms)
{
    struct mem_topic *topic;

    list->ret_page = topic_page_create(list->limit);
    (void)mem_log_expire(log, mono_ms, MEM_READ_EXPIRE);
    if (filter_is_pattern(list->filter)) {
        walk(&log->topics, list);
        return;
    }
    topic = mem_topics_find(&log->topics, list->filter);
    if (topic && str_cmp(list->after, list->filter) < 0)
        (void)take(list->ret_page, list->filter, topic);
}
