#include "ctl/pubsub/follow.h"

#include <stdlib.h>

#include "base/mem.h"
#include "hub/topic.h"
#include "proto/json.h"

static bool is_known(const struct follows *fs, struct str filter)
{
    for (size_t i = 0; i < fs->n; i++) {
        if (str_eq(fs->at[i].filter, filter))
            return true;
    }
    return false;
}

void follows_init(struct follows *fs, const char *const *filters, size_t n, struct start start)
{
    *fs = (struct follows){ .at = mem_array(NULL, n, sizeof(*fs->at)),
                            .since = start.since,
                            .latest = start.latest };
    for (size_t i = 0; i < n; i++) {
        if (!is_known(fs, str_of(filters[i])))
            fs->at[fs->n++] = (struct follow){ .filter = str_of(filters[i]),
                                               .last = start.after,
                                               .has_last = start.has_id };
    }
}

void follows_done(struct follows *fs)
{
    free(fs->at);
}

json_t *follow_params(const struct follows *fs, const struct follow *f)
{
    json_t *params = json_pack("{s:s%, s:b}", "topic", f->filter.p, f->filter.n, "gaps", 1);
    char id[MSGID_TEXT];

    if (f->has_last)
        json_object_set_new(params, "sinceEventId", json_stringn(id, msgid_format(f->last, id)));
    else if (fs->since)
        json_object_set_new(params, "since", json_integer(fs->since));
    else if (fs->latest)
        json_object_set_new(params, "latest", json_true());
    return params;
}

bool follow_confirm(struct follow *f, const json_t *result)
{
    /* The server's position counts; it is below ours if the server has another log now. */
    f->has_last |=
        msgid_parse(json_text(json_object_get(result, "lastEventId")), &f->last) == EH_OK;
    return !json_is_false(json_object_get(result, "recovered"));
}

bool follow_accept(struct follows *fs, struct follow *f, struct msgid id, struct str topic)
{
    if (f->has_last && msgid_cmp(id, f->last) <= 0)
        return false;
    f->last = id;
    f->has_last = true;
    for (const struct follow *first = fs->at; first != f; first++) {
        if (filter_matches(first->filter, topic))
            return false;
    }
    return true;
}
