#include "app/sub/sub_covered.h"

#include "hub/topic.h"

bool sub_is_covered(const struct sub *s, struct str topic_or_filter)
{
    char wide[TOPIC_MAX];

    list_for_each(link, &s->conn->subs)
    {
        const struct sub *earlier = container_of(link, struct sub, link);

        if (earlier == s)
            return false;
        if (filter_covers(str_make(wide, trie_filter(&earlier->trie, wide)), topic_or_filter))
            return true;
    }
    return false;
}
