#include "ctl/pubsub/format.h"

#include "ctl/term/clean.h"
#include "ctl/term/time_words.h"
#include "hub/msgid.h"

const char *format_check(struct str pattern)
{
    for (size_t i = 0; i < pattern.n; i++) {
        const char c = pattern.p[i];
        char next = '\0';

        if (c != '%' && c != '\\')
            continue;
        if (i + 1 < pattern.n)
            next = pattern.p[i + 1];
        if (next == '\0' || !strchr(c == '%' ? "iTtmo%" : "nt0\\", next))
            return c == '%' ? "after % must come i (id), T (time), t (topic), m (message), "
                              "o (origin) or %"
                            : "after \\ must come n, t, 0 or another \\";
        i++;
    }
    return NULL;
}

void format_add_time_of(struct buf *out, struct str id)
{
    struct msgid parsed;

    if (msgid_parse(id, &parsed) == EH_OK)
        time_words_add_iso(out, parsed.ms);
}

static void add_directive(struct buf *out, char c, const struct format_message *m, bool is_clean)
{
    struct str field = m->text;

    switch (c) {
    case 'i': field = m->id; break;
    case 'T': format_add_time_of(out, m->id); return;
    case 't': field = m->topic; break;
    case 'm': break;
    case 'o': field = m->origin; break;
    default: buf_add_char(out, c); return;
    }
    if (is_clean)
        clean_add(out, field, false);
    else
        buf_add_str(out, field);
}

static char escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case '0': return '\0';
    default: return c;
    }
}

void format_add(struct buf *out, struct str pattern, const struct format_message *m, bool is_clean)
{
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];

        if (c == '%')
            add_directive(out, pattern.p[++i], m, is_clean);
        else if (c == '\\')
            buf_add_char(out, escaped(pattern.p[++i]));
        else
            buf_add_char(out, c);
    }
    buf_add_char(out, '\n');
}
