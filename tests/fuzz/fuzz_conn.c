/* fuzz_conn.c - a whole connection: the input is what a client sends to a worker with the embedded
 * broker. Whatever it sends, the output must be HTTP, then WebSocket frames of JSON-RPC or lines of
 * an event stream; and the server must still serve other clients afterwards.
 *
 * The first byte chooses how the rest is sent: raw, raw to the listener that expects a PROXY header,
 * as frames after a handshake, or line by line as text messages after a handshake. It also chooses
 * whether it is sent in one piece, and whether the handshake offers permessage-deflate.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/one_worker.h"
#include "base/array.h"
#include "base/buf.h"
#include "check.h"
#include "hub/topic.h"
#include "proto/deflate.h"
#include "proto/utf8.h"
#include "proto/ws_client.h"

#define HANDSHAKE_FIELDS                                                                           \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HANDSHAKE HANDSHAKE_FIELDS "\r\n"
#define HANDSHAKE_DEFLATE                                                                          \
    HANDSHAKE_FIELDS                                                                               \
    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n"
#define PUBLISH                                                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"publish\",\"params\":{\"topic\":\"t\","            \
    "\"message\":\"m\"}}"
#define PATIENCE_MS 20000 /* after that the server hangs */
#define OUTPUT_MAX  (1024 * 1024)

enum {
    MODE_RAW,
    MODE_PROXY,
    MODE_FRAMES,
    MODE_LINES,
    MODE_MASK = 3,
    MODE_IN_TWO = 4,
    MODE_DEFLATE = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const options[] = {
    "--disable-auth=true",
    "--log-level=off",
    "--ping-interval=3600",
    "--max-message-size=4096",
    "--max-header-size=2048",
    "--max-output-queue=64k",
    "--max-subscriptions=16",
    "--memory-limit=1m",
    "--max-cache-length=20",
    "--trusted-proxies=::/0",
    "--allowed-origins=http://x",
    "--enable-compression=true",
    "--enable-console=true",
    "--compression-min-size=64",
    NULL,
};

/* ---- a client ---- */

static void await(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };
    int n;

    do
        n = poll(&p, 1, PATIENCE_MS);
    while (n < 0 && errno == EINTR); /* libFuzzer has a timer of its own */
    check(n == 1, "the server answers in time");
}

/* Appends what was received; false at the end of the stream. */
static bool receive(int fd, struct buf *out, int flags)
{
    char chunk[16384];
    ssize_t n;

    do
        n = recv(fd, chunk, sizeof(chunk), flags);
    while (n < 0 && errno == EINTR);

    if (n > 0 && buf_used(out) < OUTPUT_MAX)
        buf_add(out, chunk, (size_t)n);
    return n > 0;
}

/* Also reads meanwhile: a server whose output is not read stops reading, too. False: it has
 * closed. */
static bool transmit(int fd, struct str bytes, struct buf *out)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 0)
            await(fd, POLLIN | POLLOUT);
        if (n < 0 && !receive(fd, out, MSG_DONTWAIT))
            return false;
        bytes = str_skip(bytes, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* Appends a client's frame. The mask is zero, so that the fuzzer sees its own bytes. */
static void add_frame(struct buf *out, struct str text)
{
    static const uint8_t mask[WS_MASK_LEN];

    ws_client_frame(out, WS_OP_TEXT, text, mask);
}

/* ---- another client of the same worker: when its publish is answered, all earlier input has been
 * handled ---- */

static struct one_worker *server;
static int witness;

static void round_trip(void)
{
    struct buf out = { 0 };

    add_frame(&out, STR(PUBLISH));
    check(transmit(witness, buf_str(&out), &out), "the witness is connected");
    buf_clear(&out);
    while (!memmem(buf_head(&out), buf_used(&out), "\"id\":1", 6)) {
        await(witness, POLLIN);
        check(receive(witness, &out, 0), "the witness is served");
    }
    check(memmem(buf_head(&out), buf_used(&out), "\"ok\"", 4), "the witness may publish");
    buf_done(&out);
}

static void start(void)
{
    struct buf out = { 0 };

    server = one_worker_start(options);
    witness = one_worker_connect(server, ONE_WORKER_PLAIN);
    check(transmit(witness, STR(HANDSHAKE), &out), "the witness upgrades");
    round_trip();
    buf_done(&out);
}

/* ---- what the server may send ---- */

static void check_json(struct str text)
{
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const json_t *first = json_is_array(root) ? json_array_get(root, 0) : root;
    const char *version = json_string_value(json_object_get(first, "jsonrpc"));

    check(root && version && strcmp(version, "2.0") == 0, "a message is JSON-RPC");
    json_decref(root);
}

static void check_deflated(struct str payload)
{
    struct inflater *f = inflater_create();
    struct buf text = { 0 };

    check(inflater_message(f, payload, OUTPUT_MAX, &text) == EH_OK, "a compressed message");
    check(buf_used(&text) > payload.n, "is shorter");
    check_json(buf_str(&text));
    buf_done(&text);
    inflater_free(f);
}

/* Returns the length of the first frame; 0: the server closed before its end. */
static size_t check_frame(struct str in, bool may_deflate)
{
    struct str payload;
    uint8_t op, length;
    size_t head = 2;

    if (in.n < 10 && (in.n < 2 || in.n < 2 + (size_t)(uint8_t)in.p[1]))
        return 0;
    op = (uint8_t)in.p[0];
    length = (uint8_t)in.p[1];
    check((op == (0x80 | WS_COMPRESSED | WS_OP_TEXT) && may_deflate) || op == (0x80 | WS_OP_TEXT) ||
              op == (0x80 | WS_OP_CLOSE) || op == (0x80 | WS_OP_PING) || op == (0x80 | WS_OP_PONG),
          "opcode");
    check(length < 128, "a server's frame has no mask");
    payload.n = length;
    if (length >= 126) {
        check((op & 0xf) == WS_OP_TEXT, "control frames are short");
        head = length == 126 ? 4 : 10;
        payload.n = 0;
        for (size_t i = 2; i < head; i++)
            payload.n = payload.n << 8 | (uint8_t)in.p[i];
    }
    if (in.n - head < payload.n)
        return 0;
    payload.p = in.p + head;
    if (op & WS_COMPRESSED)
        check_deflated(payload);
    else if ((op & 0xf) == WS_OP_TEXT)
        check_json(payload);
    if ((op & 0xf) == WS_OP_CLOSE)
        check(head + payload.n == in.n, "Close is the last word");
    return head + payload.n;
}

static void check_frames(struct str in, bool may_deflate)
{
    size_t n;

    while (in.n && (n = check_frame(in, may_deflate)) > 0)
        in = str_skip(in, n);
}

/* Whatever a message holds, it cannot forge a field. */
static void check_events(struct str in)
{
    static const char *const fields[] = { ":", "id: ", "data: " };
    const struct str name = STR("event: "); /* of ours, or a topic */
    struct str line;
    bool has_event = false;

    check(!memchr(in.p, '\r', in.n), "lines end with LF");
    while (memchr(in.p, '\n', in.n) && str_cut(&in, '\n', &line)) {
        bool is_retry = str_starts_with(line, STR("retry: "));
        bool is_name = str_starts_with(line, name) && topic_is_valid(str_skip(line, name.n));
        bool is_known =
            line.n == 0 || str_eq(line, STR("data:")) || (is_retry && !has_event) || is_name;

        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            is_known |= str_starts_with(line, str_of(fields[i]));
        check(is_known, "field of an event");
        has_event = has_event || str_starts_with(line, STR("data:"));
    }
}

static void check_output(struct str in)
{
    static const char end[] = "\r\n\r\n";
    const char *body;
    struct str head;

    if (in.n == 0)
        return;
    body = memmem(in.p, in.n, end, 4);
    check(body && str_starts_with(in, STR("HTTP/1.1 ")), "HTTP comes first");
    head = str_make(in.p, (size_t)(body - in.p));
    in = str_skip(in, head.n + 4);
    if (str_starts_with(head, STR("HTTP/1.1 101 ")))
        check_frames(in, memmem(head.p, head.n, "permessage-deflate", 18));
    else if (memmem(head.p, head.n, "text/event-stream", 17) && in.n)
        check_events(in);
}

/* ---- the input ---- */

static void build(struct buf *wire, unsigned how, struct str input)
{
    struct str line;

    if ((how & MODE_MASK) == MODE_FRAMES || (how & MODE_MASK) == MODE_LINES)
        buf_add_str(wire, how & MODE_DEFLATE ? STR(HANDSHAKE_DEFLATE) : STR(HANDSHAKE));
    if ((how & MODE_MASK) != MODE_LINES) {
        buf_add_str(wire, input);
        return;
    }
    while (str_cut(&input, '\n', &line))
        add_frame(wire, line);
}

/* The client sends nothing more, so the server closes. */
static void finish(int fd, struct buf *out)
{
    (void)shutdown(fd, SHUT_WR);
    do
        await(fd, POLLIN);
    while (receive(fd, out, 0));
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    unsigned how = n ? p[0] : 0;
    struct buf wire = { 0 }, out = { 0 };
    struct str all;
    size_t cut;
    int fd;

    if (!server)
        start();
    if (n == 0)
        return 0;
    build(&wire, how, str_make((const char *)p + 1, n - 1));
    all = buf_str(&wire);
    cut = how & MODE_IN_TWO ? all.n - (n - 1) / 2 : all.n;
    fd = one_worker_connect(server,
                            (how & MODE_MASK) == MODE_PROXY ? ONE_WORKER_PROXY : ONE_WORKER_PLAIN);
    if (transmit(fd, str_make(all.p, cut), &out) && cut < all.n) {
        round_trip();
        (void)transmit(fd, str_skip(all, cut), &out);
    }
    round_trip();
    finish(fd, &out);
    check_output(buf_str(&out));
    buf_done(&wire);
    buf_done(&out);
    return 0;
}
