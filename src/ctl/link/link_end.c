#include "ctl/link/link_end.h"

#include "base/array.h"
#include "ctl/link/reply_reader.h"
#include "ctl/link/target.h"
#include "ctl/term/clean.h"
#include "ctl/term/exit_status.h"
#include "proto/ws.h"

static const struct link_end wrong_server = { .status = CTL_NO_CONNECTION, .is_final = true };
static const struct link_end for_now = { .status = CTL_NO_CONNECTION, .is_final = false };

void link_end_not_ours(struct buf *out, const struct target *t, const char *why,
                       struct link_end *ret)
{
    *ret = wrong_server;
    buf_addf(out, "%s is not an Eventhub server: %s; check the address and the path (--url)",
             t->url, why);
}

void link_end_not_http(struct buf *out, const struct target *t, const struct reply_reader *r,
                       struct link_end *ret)
{
    const struct str head = buf_str(&r->head);

    *ret = wrong_server;
    buf_addf(out, "%s is not an Eventhub server: ", t->url);
    if (head.n && (head.p[0] == 0x15 || head.p[0] == 0x16) && !t->has_tls) {
        buf_add_str(out, STR("it expects TLS; with TLS, the URL is wss://"));
        return;
    }
    reply_reader_add_sent(r, out);
    buf_add_str(out, STR("; check the address (--url)"));
}

static void add_redirect(struct buf *out, const struct http_reply *reply)
{
    struct str to = http_reply_header(reply, STR("Location"));

    buf_add_str(out, STR("; use the address that it names: "));
    clean_add(out, str_make(to.p, to.n < 256 ? to.n : 256), true);
}

void link_end_add_token_hint(struct buf *out, const struct target *t)
{
    buf_add_str(out, t->token || t->token_file
                         ? STR("; get a new token, or see what this one says: eventhubctl token "
                               "inspect")
                         : STR("; set EVENTHUB_TOKEN, or use --token-file"));
}

void link_end_refused(struct buf *out, const struct target *t, const struct reply_reader *r,
                      struct link_end *ret)
{
    const int status = r->reply.status;

    *ret = wrong_server;
    if (status == 401 || status == 403)
        *ret = (struct link_end){ .status = CTL_NOT_PERMITTED, .is_final = true };
    else if (status == 408 || status == 429 || status >= 500)
        *ret = for_now;
    if (ret->status == CTL_NO_CONNECTION && ret->is_final)
        buf_addf(out, "%s is not an Eventhub server: it answered ", t->url);
    else
        buf_addf(out, "%s refused the connection: ", t->url);
    reply_add_error(out, &r->reply, buf_str(&r->body));
    if (ret->status == CTL_NOT_PERMITTED)
        link_end_add_token_hint(out, t);
    else if (status >= 300 && status < 400)
        add_redirect(out, &r->reply);
    else if (ret->is_final)
        buf_add_str(out, STR("; check the address and the path (--url)"));
    else
        buf_add_str(out, STR("; try again later"));
}

/* The meaning of the codes (docs/protocol.md, section 2), and the exit status of each. */
static const struct {
    int code;
    const char *text;
    struct link_end end;
} closes[] = {
    { WS_CLOSE_NORMAL, "the server closed the connection", { NULL, CTL_NO_CONNECTION, false } },
    { WS_CLOSE_GOING_AWAY, "the server is going away", { NULL, CTL_NO_CONNECTION, false } },
    { WS_CLOSE_POLICY, "the server ended the connection", { NULL, CTL_NOT_PERMITTED, false } },
    { WS_CLOSE_TOO_BIG,
      "a message is larger than the server accepts (MAX_MESSAGE_SIZE)",
      { NULL, CTL_NEGATIVE, false } },
    { WS_CLOSE_TRY_AGAIN,
      "the server closed the connection, because messages were read too slowly",
      { NULL, CTL_NO_CONNECTION, false } },
};

void link_end_closed(struct buf *out, const struct target *t, int code, struct str reason,
                     struct link_end *ret)
{
    const char *text = "the server closed the connection";

    *ret = for_now;
    for (size_t i = 0; i < ARRAY_LEN(closes); i++) {
        if (closes[i].code == code) {
            text = closes[i].text;
            *ret = closes[i].end;
        }
    }
    if (code == WS_CLOSE_PROTOCOL || code == WS_CLOSE_UNSUPPORTED || code == WS_CLOSE_BAD_DATA)
        ret->is_final = true;
    buf_addf(out, "%s: %s", t->url, text);
    if (reason.n) {
        buf_add_str(out, STR(": "));
        clean_add(out, reason, true);
    }
    if (code != WS_CLOSE_NONE)
        buf_addf(out, " (code %d)", code);
}
