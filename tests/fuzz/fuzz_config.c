/* Property: each setting is a view into the text, on the reported line, without control
 * characters or blanks around its name, and it reads the same when it is written again in
 * quotes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_file.h"
#include "base/buf.h"

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
    return 0;
}
