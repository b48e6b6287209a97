#include "proto/http.h"

#include <inttypes.h>

const char *http_reason(int status)
{
    switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

void http_response_head(struct buf *out, const struct http_response *r)
{
    const char *kept = r->keep_alive ? "keep-alive" : "close";
    bool may_have_length =
        r->status >= 200 && r->status != 204 && r->status != 304; /* RFC 9110 8.6 */

    buf_addf(out, "HTTP/1.1 %d %s\r\n", r->status, http_reason(r->status));
    if (r->content_type)
        buf_addf(out, "Content-Type: %s\r\n", r->content_type);
    if (may_have_length && r->content_length != HTTP_NO_LENGTH)
        buf_addf(out, "Content-Length: %zu\r\n", r->content_length);
    buf_addf(out, "Connection: %s\r\n", r->status == 101 ? "Upgrade" : kept);
    if (r->keep_alive && r->keep_alive_s)
        buf_addf(out, "Keep-Alive: timeout=%" PRIu64 "\r\n", r->keep_alive_s);
    buf_add_str(out, r->extra);
    buf_add(out, "\r\n", 2);
}
