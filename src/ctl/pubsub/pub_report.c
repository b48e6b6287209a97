#include "ctl/pubsub/pub_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"

#define REPORTED_MAX 20

void pub_report_done(struct pub_report *r, const char *id)
{
    r->n_published++;
    if (!r->noun)
        (void)snprintf(r->id, sizeof(r->id), "%s", id);
}

void pub_report_fail(struct pub_report *r, uint64_t number, int status, const char *why)
{
    if (r->status == CTL_OK)
        r->status = status;
    if (++r->n_failed > REPORTED_MAX)
        return;
    if (r->noun)
        term_error(r->term, "%s %" PRIu64 ": %s", r->noun, number, why);
    else
        term_error(r->term, "not published: %s", why);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

void pub_report_progress(const struct pub_report *r, uint64_t now_ms, size_t n_left)
{
    uint64_t ms = now_ms - r->began_ms;

    if (r->began_ms && ms)
        term_progress(r->term, "published %" PRIu64 " message%s (%" PRIu64 "/s), %zu in flight",
                      r->n_published, plural(r->n_published), r->n_published * 1000 / ms, n_left);
}

static void print_counts(const struct pub_report *r, uint64_t now_ms, size_t n_left)
{
    double seconds = (double)(now_ms - r->began_ms) / 1000;
    struct buf line = { 0 };

    buf_addf(&line, "published %" PRIu64 " message%s in %.1f s", r->n_published,
             plural(r->n_published), seconds);
    if (seconds > 0)
        buf_addf(&line, " (%.0f/s)", (double)r->n_published / seconds);
    if (r->n_failed)
        buf_addf(&line, "; %" PRIu64 " failed", r->n_failed);
    if (n_left)
        buf_addf(&line, "; %zu were not confirmed", n_left);
    if (r->n_empty)
        buf_addf(&line, "; %" PRIu64 " empty line%s skipped", r->n_empty,
                 r->n_empty == 1 ? " was" : "s were");
    term_note(r->term, "%.*s", STR_ARG(buf_str(&line)));
    buf_done(&line);
}

void pub_report_print(const struct pub_report *r, uint64_t now_ms, size_t n_left)
{
    json_auto_t *line = NULL;
    struct buf id = { 0 };

    if (!r->began_ms)
        return;
    if (r->noun) {
        print_counts(r, now_ms, n_left);
        line = json_pack("{s:s, s:I, s:I, s:I}", "topic", r->topic, "published",
                         (json_int_t)r->n_published, "failed", (json_int_t)r->n_failed,
                         "unconfirmed", (json_int_t)n_left);
    } else if (r->id[0]) {
        line = json_pack("{s:s, s:s}", "id", r->id, "topic", r->topic);
    }
    if (line && r->json) {
        term_result_json(r->term, line);
    } else if (!r->noun && r->id[0]) {
        term_add_data(r->term, &id, str_of(r->id));
        buf_add_char(&id, '\n');
        term_write(r->term, buf_str(&id));
        buf_done(&id);
    }
}
