#include "app/config/config_file.h"

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

/* Cuts off a comment, which begins with a # after white space. */
static struct str strip_comment(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '#' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            return str_make(s.p, i);
    }
    return s;
}

/* Reads the value after the = sign, with which s begins. */
static const char *read_value(struct str s, struct str *ret)
{
    struct str text = str_trim(str_skip(s, 1)), rest, inside;

    if (text.n == 0 || (text.p[0] != '"' && text.p[0] != '\'')) {
        *ret = str_trim(str_skip(strip_comment(s), 1));
        return NULL;
    }
    rest = str_skip(text, 1);
    (void)str_cut(&rest, text.p[0], &inside);
    if (!rest.p)
        return "has no closing quote";
    if (str_trim(strip_comment(rest)).n)
        return "continues after the closing quote";
    *ret = inside;
    return NULL;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return s.n > 0;
}

static const char *read_setting(struct str line, struct config_setting *ret)
{
    struct str rest = line, name;

    (void)str_cut(&rest, '=', &name);
    ret->name = str_trim(name);
    if (!rest.p || !is_name(ret->name))
        return "must be name = value";
    return read_value(str_skip(line, name.n), &ret->value);
}

/* Takes the next line, without its line end. */
static bool next_line(struct config_file *f, struct str *ret)
{
    if (f->line == 0 && str_starts_with(f->rest, STR("\xef\xbb\xbf")))
        f->rest = str_skip(f->rest, 3); /* the byte-order mark that some editors write */
    if (f->rest.n == 0 || !str_cut(&f->rest, '\n', ret))
        return false;
    if (ret->n && ret->p[ret->n - 1] == '\r')
        ret->n--;
    f->line++;
    return true;
}

bool config_file_next(struct config_file *f, struct config_setting *ret, const char **ret_why)
{
    const char *why;
    struct str line;

    while (next_line(f, &line)) {
        struct str text = str_trim(line);

        if (line.n > CONFIG_LINE_MAX)
            why = "is longer than 8192 bytes";
        else if (has_control(line))
            why = "holds a control character";
        else if (text.n == 0 || text.p[0] == '#')
            continue;
        else
            why = read_setting(line, ret);
        if (!why)
            return true;
        f->rest = (struct str){ NULL, 0 };
        *ret_why = why;
        return false;
    }
    return false;
}
