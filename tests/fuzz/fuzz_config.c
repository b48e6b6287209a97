/* Property: each setting is a view into the text, on the reported line, without control
 * characters or blanks around its name, and it reads the same when it is written again in
 * quotes. As TOPICS_FILE, a text that is accepted gives no value out of range, and a refusal names a
 * line of the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_file.h"
#include "base/buf.h"
#include "hub/topic_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_view(struct str view, struct str text)
{
    if (view.n && (view.p < text.p || view.p + view.n > text.p + text.n))
        abort();
    for (size_t i = 0; i < view.n; i++) {
        if (((unsigned char)view.p[i] < ' ' && view.p[i] != '\t') || view.p[i] == 0x7f)
            abort();
    }
}

static void check_line(const struct config_file *f, struct str text, struct str name)
{
    size_t line = 1;

    for (const char *p = text.p; p < name.p; p++)
        line += *p == '\n';
    if (line != f->line)
        abort();
}

static void check_again(const struct config_setting *got)
{
    char quote = got->value.n && memchr(got->value.p, '"', got->value.n) ? '\'' : '"';
    struct config_setting again;
    struct config_file f = { 0 };
    const char *why = NULL;
    struct buf text = { 0 };

    if (got->value.n && memchr(got->value.p, quote, got->value.n))
        return; /* the value contains both quotes */
    buf_addf(&text, "%.*s=%c%.*s%c # x", STR_ARG(got->name), quote, STR_ARG(got->value), quote);
    f.rest = buf_str(&text);
    if (buf_used(&text) <= CONFIG_LINE_MAX &&
        (!config_file_next(&f, &again, &why) || !str_eq(got->name, again.name) ||
         !str_eq(got->value, again.value)))
        abort();
    buf_done(&text);
}

static void check_topics(struct str text)
{
    static const char *const topics[] = { "a", "a/b", "chat/news", "x/y/z" };
    struct topic_settings *s = NULL;
    struct buf why = { 0 };
    size_t lines = 1;

    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    if (topic_settings_parse(text, 65536, &s, &why) != EH_OK) {
        struct str rest = buf_str(&why), number;
        uint64_t line;

        if (s || !str_cut(&rest, ':', &number) || str_parse_u64(number, &line) != EH_OK ||
            line < 1 || line > lines)
            abort();
    } else if (buf_used(&why) || topic_settings_count(s) > TOPIC_SETTINGS_MAX) {
        abort();
    }
    for (size_t i = 0; s && i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct topic_setting found = topic_settings_find(s, str_of(topics[i]));

        if (found.max_length > TOPIC_SETTINGS_LENGTH || found.ttl_s > TOPIC_SETTINGS_TTL_S ||
            found.max_size > 65536)
            abort();
    }
    topic_settings_unref(s);
    buf_done(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str text = str_make((const char *)p, n);
    struct config_file f = { .rest = text };
    struct config_setting got;
    const char *why = NULL;

    while (config_file_next(&f, &got, &why)) {
        if (why || got.name.n == 0 || !str_eq(got.name, str_trim(got.name)))
            abort();
        check_view(got.name, text);
        check_view(got.value, text);
        check_line(&f, text, got.name);
        check_again(&got);
    }
    if (f.rest.n)
        abort();
    check_topics(text);
    return 0;
}
