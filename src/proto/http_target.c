#include "proto/http_target.h"

/* Visible characters except '#', since a target has no fragment. Browsers do not escape everything
 * that RFC 3986 requires, so nothing else is refused. */
static const bool target_chars[256] = { ['!' ... '"'] = true, ['$' ... '~'] = true };

/* In a name or an IPv4 address: unreserved, sub-delims and '%'. */
static const bool name_chars[256] = {
    ['!'] = true,         ['$' ... '.'] = true, ['0' ... '9'] = true, [';'] = true, ['='] = true,
    ['A' ... 'Z'] = true, ['_'] = true,         ['a' ... 'z'] = true, ['~'] = true,
};

/* In an IPv6 address, or a later version of IP literals. */
static const bool literal_chars[256] = {
    ['!'] = true,         ['$' ... '.'] = true, ['0' ... ';'] = true, ['='] = true,
    ['A' ... 'Z'] = true, ['_'] = true,         ['a' ... 'z'] = true, ['~'] = true,
};

static const bool digits[256] = { ['0' ... '9'] = true };

/* Checks the text after "[": an address, "]", and perhaps a port. */
static bool is_literal_with_port(struct str s)
{
    struct str address;

    if (!str_cut(&s, ']', &address) || !s.p || address.n == 0)
        return false;
    if (!str_consists_of(address, literal_chars))
        return false;
    return s.n == 0 || (s.p[0] == ':' && str_consists_of(str_skip(s, 1), digits));
}

bool http_authority_is_valid(struct str s)
{
    struct str name = { NULL, 0 };

    if (str_starts_with(s, STR("[")))
        return is_literal_with_port(str_skip(s, 1));
    (void)str_cut(&s, ':', &name);
    return str_consists_of(name, name_chars) && str_consists_of(s, digits);
}

static bool cut_prefix_nocase(struct str *s, struct str prefix)
{
    if (!str_starts_with_nocase(*s, prefix))
        return false;
    *s = str_skip(*s, prefix.n);
    return true;
}

/* Reduces absolute-form to origin-form. It must name a host (RFC 9110 4.2), but which one does not
 * matter here, just as with Host. */
static bool cut_origin(struct str *target)
{
    struct str authority;
    size_t n = 0;

    if (!cut_prefix_nocase(target, STR("http://")) && !cut_prefix_nocase(target, STR("https://")))
        return false;
    while (n < target->n && target->p[n] != '/' && target->p[n] != '?')
        n++;
    authority = str_make(target->p, n);
    *target = str_skip(*target, n);
    return authority.n && authority.p[0] != ':' && http_authority_is_valid(authority);
}

int http_read_target(struct http_request *rq)
{
    bool is_options = str_eq(rq->method, STR("OPTIONS"));
    struct str rest = rq->target;
    struct str root = STR("/");

    if (!str_consists_of(rest, target_chars))
        return EH_EINVAL;
    if (str_eq(rest, STR("*")) && is_options) {
        rq->path = rest;
        rq->query = (struct str){ NULL, 0 };
        return EH_OK;
    }
    if (!str_starts_with(rest, root) && !cut_origin(&rest))
        return EH_EINVAL;
    rq->query = rest;
    (void)str_cut(&rq->query, '?', &rq->path);
    if (rq->path.n == 0)
        rq->path = is_options && !rq->query.p ? STR("*") : root;
    return EH_OK;
}
