#include "broker/mem/mem_topics.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void mem_topics_init(struct mem_topics *t)
{
    *t = (struct mem_topics){ .random = 88172645463325252u };
}

void mem_topics_done(struct mem_topics *t)
{
    struct mem_topic *next;

    for (struct mem_topic *topic = t->first[0]; topic; topic = next) {
        next = topic->next[0];
        mem_ring_done(&topic->entries);
        free(topic);
    }
    mem_topics_init(t);
}

/* Finds, for each level, the link at which a search for `name` descends: the first that does not
 * lead to a smaller name. */
static void find_links(struct mem_topics *t, struct str name, struct mem_topic **ret_links[])
{
    struct mem_topic **links = t->first; /* of the current node: the head or a topic */

    for (unsigned level = MEM_TOPICS_LEVELS; level-- > 0;) {
        while (links[level] && str_cmp(links[level]->name, name) < 0)
            links = links[level]->next;
        ret_links[level] = &links[level];
    }
}

struct mem_topic *mem_topics_from(struct mem_topics *t, struct str name)
{
    struct mem_topic **links[MEM_TOPICS_LEVELS];

    find_links(t, name, links);
    return *links[0];
}

struct mem_topic *mem_topics_find(struct mem_topics *t, struct str name)
{
    struct mem_topic *topic = mem_topics_from(t, name);

    return topic && str_eq(topic->name, name) ? topic : NULL;
}

/* Returns 1, or with a probability of 1/4 each time one more (xorshift, Marsaglia). */
static unsigned random_height(struct mem_topics *t)
{
    uint64_t highest = (uint64_t)1 << (2 * (MEM_TOPICS_LEVELS - 1));

    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return 1 + (unsigned)__builtin_ctzll(t->random | highest) / 2;
}

static struct mem_topic *topic_create(struct str name, unsigned height)
{
    size_t links = height * sizeof(struct mem_topic *);
    struct mem_topic *topic = mem_zalloc(sizeof(*topic) + links + name.n);
    char *text = (char *)topic->next + links;

    memcpy(text, name.p, name.n);
    topic->name = str_make(text, name.n);
    topic->height = height;
    return topic;
}

struct mem_topic *mem_topics_add(struct mem_topics *t, struct str name)
{
    struct mem_topic **links[MEM_TOPICS_LEVELS];
    struct mem_topic *topic;

    find_links(t, name, links);
    topic = *links[0];
    if (topic && str_eq(topic->name, name))
        return topic;
    topic = topic_create(name, random_height(t));
    for (unsigned level = 0; level < topic->height; level++) {
        topic->next[level] = *links[level];
        *links[level] = topic;
    }
    t->n++;
    return topic;
}

void mem_topics_remove(struct mem_topics *t, struct mem_topic *topic)
{
    struct mem_topic **links[MEM_TOPICS_LEVELS];

    find_links(t, topic->name, links);
    for (unsigned level = 0; level < topic->height; level++) {
        assert(*links[level] == topic);
        *links[level] = topic->next[level];
    }
    t->n--;
    mem_ring_done(&topic->entries);
    free(topic);
}
