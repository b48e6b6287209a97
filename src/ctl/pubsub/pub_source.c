#include "ctl/pubsub/pub_source.h"

#include <unistd.h>

#include "base/list.h"
#include "ctl/line/arguments.h"
#include "proto/utf8.h"

/* Reads no more until these lines are taken (next_line). */
static void on_data(struct input *in, const char *bytes, size_t n)
{
    struct pub_source *s = container_of(in, struct pub_source, input);

    lines_add(&s->lines, bytes, n);
    input_pause(in);
    s->on_ready(s->arg);
}

static void on_end(struct input *in, int err)
{
    struct pub_source *s = container_of(in, struct pub_source, input);

    input_close(in);
    lines_end(&s->lines);
    s->err = err;
    s->on_ready(s->arg);
}

static const struct input_events input_events = { on_data, on_end };

void pub_source_init(struct pub_source *s, struct str text, uint64_t repeat,
                     void (*on_ready)(void *arg), void *arg)
{
    *s = (struct pub_source){
        .text = text, .repeat = repeat, .input.fd = -1, .on_ready = on_ready, .arg = arg
    };
    lines_init(&s->lines, ARGUMENT_TEXT_MAX);
}

int pub_source_open(struct pub_source *s, struct loop *lp)
{
    return s->text.p ? EH_OK : input_open(&s->input, lp, STDIN_FILENO, &input_events);
}

void pub_source_close(struct pub_source *s)
{
    s->has_ended = true;
    input_close(&s->input);
}

void pub_source_done(struct pub_source *s)
{
    lines_done(&s->lines);
}

static int next_line(struct pub_source *s, struct str *ret, const char **why)
{
    int rc;

    do {
        rc = lines_next(&s->lines, ret);
        s->number = s->lines.number;
        s->n_empty += rc > 0 && ret->n == 0;
    } while (rc > 0 && ret->n == 0);
    if (rc > 0 && utf8_is_valid(*ret))
        return 1;
    if (rc != 0) {
        *why = rc < 0 ? "longer than 64 MiB" : "not UTF-8 text";
        return EH_EINVAL;
    }
    s->has_ended = s->lines.has_ended;
    if (!s->has_ended)
        input_resume(&s->input);
    return 0;
}

int pub_source_next(struct pub_source *s, struct str *ret, const char **why)
{
    if (s->has_ended)
        return 0;
    if (!s->text.p)
        return next_line(s, ret, why);
    *ret = s->text;
    s->has_ended = ++s->number == s->repeat;
    return 1;
}
