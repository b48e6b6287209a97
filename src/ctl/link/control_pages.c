#include "ctl/link/control_pages.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/line/command.h"
#include "ctl/link/control.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "hub/topic.h"
#include "proto/json.h"

/* Encodes everything that is not plain. */
void control_add_param(struct buf *query, const char *name, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";

    if (!value)
        return;
    buf_addf(query, "&%s=", name);
    for (; *value; value++) {
        if (strchr(plain, *value))
            buf_add_char(query, *value);
        else
            buf_addf(query, "%%%02X", (unsigned char)*value);
    }
}

long long control_number(const json_t *item, const char *name)
{
    return (long long)json_integer_value(json_object_get(item, name));
}

void control_add_text(const struct term *t, struct buf *out, const json_t *item, const char *name)
{
    term_add_data(t, out, json_text(json_object_get(item, name)));
    buf_add_str(out, STR("  "));
}

static void print_page(const struct invocation *in, const struct control_pages *pages,
                       const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (in->common->json)
            term_result_json(in->term, json_array_get(items, i));
        else
            pages->print(in->term, json_array_get(items, i));
    }
}

static int ask(const struct invocation *in, const struct control_pages *pages, struct str query,
               uint64_t left, const char *after, json_t **ret_page)
{
    struct buf path = { 0 };
    int status;

    buf_addf(&path, "%s?limit=%d", pages->path, left < CONTROL_PAGE ? (int)left : CONTROL_PAGE);
    buf_add_str(&path, query);
    control_add_param(&path, "after", after[0] ? after : NULL);
    buf_add_char(&path, '\0');
    status = control_ask(in, buf_head(&path), NULL, ret_page);
    buf_done(&path);
    return status;
}

int control_pages(const struct invocation *in, const struct control_pages *pages, struct str query,
                  uint64_t limit)
{
    char after[TOPIC_MAX + 1] = "";
    uint64_t left = limit;
    bool more = true;

    while (more && left > 0) {
        json_auto_t *page = NULL;
        const json_t *items;
        const char *next;
        int status = ask(in, pages, query, left, after, &page);

        if (status != CTL_OK)
            return status;
        items = json_object_get(page, pages->items);
        print_page(in, pages, items);
        next = json_is_true(json_object_get(page, "more")) ? pages->after(page) : NULL;
        more = next != NULL;
        (void)snprintf(after, sizeof(after), "%s", next ? next : "");
        left -= json_array_size(items) < left ? json_array_size(items) : left;
    }
    if (more)
        term_note(in->term, "there are more %s; --limit shows more", pages->items);
    return CTL_OK;
}
