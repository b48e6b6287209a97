#include "proto/sse.h"

#include "proto/json.h"

/* Cuts the first line off s; false if none is left. A line end at the end of s is followed by an
 * empty line. */
static bool cut_line(struct str *s, struct str *ret_line)
{
    size_t n = 0;

    if (!s->p)
        return false;
    while (n < s->n && s->p[n] != '\r' && s->p[n] != '\n')
        n++;
    *ret_line = str_make(s->p, n);
    if (n == s->n) {
        *s = (struct str){ NULL, 0 };
        return true;
    }
    *s = str_skip(*s, n + (str_starts_with(str_skip(*s, n), STR("\r\n")) ? 2 : 1));
    return true;
}

static void add_field(struct buf *out, struct str name, struct str value)
{
    buf_add_str(out, name);
    buf_add_str(out, STR(": "));
    buf_add_str(out, value);
    buf_add_char(out, '\n');
}

void sse_add_name(struct buf *out, struct str name)
{
    add_field(out, STR("event"), name);
}

void sse_add_event(struct buf *out, struct str id, struct str message)
{
    struct str line;

    if (id.n)
        add_field(out, STR("id"), id);
    if (!message.p)
        message = STR(""); /* an empty message is an event too */
    while (cut_line(&message, &line))
        add_field(out, STR("data"), line);
    buf_add_char(out, '\n');
}

void sse_add_gap(struct buf *out, struct str topic)
{
    buf_addf(out, "event: gap\ndata: {\"topic\":\"%.*s\"}\n\n", STR_ARG(topic));
}

void sse_add_comment(struct buf *out, const char *text, struct str about)
{
    buf_addf(out, ":%s \"%.*s\"\n\n", text, STR_ARG(about));
}

void sse_add_refusal(struct buf *out, const char *why, int status)
{
    buf_addf(out, "retry: %d\nevent: refused\ndata: {\"error\":", SSE_RETRY_S * 1000);
    json_add_string(out, str_of(why));
    buf_addf(out, ",\"status\":%d}\n\n", status);
}

void sse_add_retry(struct buf *out, uint32_t any)
{
    unsigned span_ms = SSE_RETRY_MOST_MS - SSE_RETRY_LEAST_MS + 1;

    buf_addf(out, "retry: %u\n\n", SSE_RETRY_LEAST_MS + any % span_ms);
}

void sse_add_position(struct buf *out, struct str id)
{
    add_field(out, STR("id"), id);
    buf_add_char(out, '\n');
}
