#include "ctl/link/reply_reader.h"

#include <jansson.h>

#include "ctl/term/clean.h"
#include "proto/json.h"

#define SHOWN_MAX 60 /* columns of a text from a server that is not ours */

static int take_head(struct reply_reader *r, struct str in, size_t *ret_used)
{
    const size_t before = buf_used(&r->head);
    int n;

    buf_add_str(&r->head, in);
    n = http_reply_parse(&r->parser, buf_str(&r->head), REPLY_HEAD_MAX, &r->reply);
    *ret_used = in.n;
    if (n <= 0)
        return n;
    *ret_used = (size_t)n - before;
    r->head.end = r->head.start + (size_t)n;
    r->has_head = true;
    EH_TRY(http_body_begin(&r->reading, &r->reply, r->body_max));
    r->is_complete = http_body_is_done(&r->reading);
    return EH_OK;
}

static int take_body(struct reply_reader *r, struct str in, size_t *ret_used)
{
    *ret_used = 0;
    while (*ret_used < in.n && !r->is_complete) {
        struct str data;
        int n = http_body_take(&r->reading, str_skip(in, *ret_used), &data);

        if (n < 0)
            return n;
        buf_add_str(&r->body, data);
        *ret_used += (size_t)n;
        r->is_complete = http_body_is_done(&r->reading);
    }
    return EH_OK;
}

int reply_reader_take(struct reply_reader *r, struct str in, size_t *ret_used)
{
    size_t head = 0, body = 0;

    if (!r->has_head)
        EH_TRY(take_head(r, in, &head));
    if (r->has_head)
        EH_TRY(take_body(r, str_skip(in, head), &body));
    *ret_used = head + body;
    return EH_OK;
}

bool reply_reader_end(struct reply_reader *r)
{
    r->is_complete = r->is_complete || (r->has_head && http_body_may_end(&r->reading));
    return r->is_complete;
}

void reply_reader_done(struct reply_reader *r)
{
    buf_done(&r->head);
    buf_done(&r->body);
}

static void add_shown(struct buf *out, struct str text)
{
    struct buf clean = { 0 };
    size_t n;

    clean_add(&clean, str_make(text.p, text.n < 4 * SHOWN_MAX ? text.n : 4 * SHOWN_MAX), true);
    n = clean_cut(buf_str(&clean), SHOWN_MAX);
    buf_add(out, buf_head(&clean), n);
    if (n < buf_used(&clean))
        buf_add_str(out, STR("..."));
    buf_done(&clean);
}

void reply_reader_add_sent(const struct reply_reader *r, struct buf *out)
{
    struct str sent = buf_str(&r->head), line;

    (void)str_cut(&sent, '\n', &line);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    buf_add_str(out, STR("it sent \""));
    add_shown(out, line);
    buf_add_char(out, '"');
}

void reply_add_error(struct buf *out, const struct http_reply *reply, struct str body)
{
    json_auto_t *root = json_loadb(body.p ? body.p : "", body.n, JSON_ALLOW_NUL, NULL);
    struct str error = json_text(json_object_get(root, "error"));

    buf_addf(out, "%d ", reply->status);
    if (error.n)
        clean_add(out, error, true);
    else
        add_shown(out, reply->reason.n ? reply->reason : str_of(http_reason(reply->status)));
}
