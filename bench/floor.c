/* floor.c - does the least that a server can do for the loads of load.c: bare epoll, one thread, no
 * broker, no JSON, no limits. The difference to the server is the cost of Eventhub's features.
 *   floor --port=N [single|coalesce] [threads]
 *   single    one send per delivery
 *   coalesce  one send for everything that one turn of the loop has for a socket
 *   threads   a thread of its own accepts the sockets and passes them on through a mailbox
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proto/ws.h"

#define READY_MAX   256
#define TOPICS      65536
#define SCRATCH     (64 * 1024)
#define MAILBOX_MAX 16384

struct topic;

struct peer {
    int fd;
    bool upgraded;
    bool watched_out;
    struct buf in;       /* an incomplete frame */
    struct buf out;      /* bytes that the socket did not take */
    struct topic *topic; /* NULL: none */
    struct peer *next_of_topic;
};

struct topic {
    struct peer *peers;
    struct buf pending; /* frames of this turn */
    bool is_dirty;
};

static struct {
    int epoll_fd;
    bool coalesces;
    uint64_t sends;
    struct topic *topics[TOPICS];
    struct topic *dirty[TOPICS];
    size_t n_dirty;
    char scratch[SCRATCH];
    struct {
        pthread_mutex_t lock;
        int event_fd;
        int fds[MAILBOX_MAX];
        size_t n;
    } mailbox;
} fl;

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

/* ---- out ---- */

static void watch(struct peer *p, int op, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = p };

    require(epoll_ctl(fl.epoll_fd, op, p->fd, &ev) == 0, "epoll_ctl");
}

static void set_watched_out(struct peer *p, bool on)
{
    if (p->watched_out == on)
        return;
    p->watched_out = on;
    watch(p, EPOLL_CTL_MOD, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static size_t push(struct peer *p, struct str bytes)
{
    ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);

    fl.sends++;
    return n > 0 ? (size_t)n : 0;
}

static void transmit(struct peer *p, struct str bytes)
{
    size_t n = buf_used(&p->out) ? 0 : push(p, bytes);

    if (n == bytes.n)
        return;
    buf_add_str(&p->out, str_skip(bytes, n));
    set_watched_out(p, true);
}

static void on_writable(struct peer *p)
{
    buf_consume(&p->out, push(p, buf_str(&p->out)));
    if (buf_used(&p->out))
        return;
    buf_done(&p->out);
    set_watched_out(p, false);
}

static void add_frame(struct buf *out, enum ws_opcode op, struct str payload)
{
    char head[WS_HEAD_MAX];

    buf_add(out, head, ws_encode_head(head, op, payload.n));
    buf_add_str(out, payload);
}

static void send_frame(struct peer *p, enum ws_opcode op, struct str payload)
{
    struct buf frame = { 0 };

    add_frame(&frame, op, payload);
    transmit(p, buf_str(&frame));
    buf_done(&frame);
}

static void flush_topic(struct topic *t)
{
    for (struct peer *p = t->peers; p; p = p->next_of_topic)
        transmit(p, buf_str(&t->pending));
    buf_clear(&t->pending);
    t->is_dirty = false;
}

/* ---- requests ---- */

/* "b/17/x" is topic 17. */
static struct topic *topic_of(struct str text)
{
    const char *name = memmem(text.p, text.n, "\"topic\":\"", 9);
    const char *slash = name ? memchr(name, '/', (size_t)(text.p + text.n - name)) : NULL;
    size_t i = slash ? strtoul(slash + 1, NULL, 10) % TOPICS : 0;

    if (!fl.topics[i])
        fl.topics[i] = mem_zalloc(sizeof(struct topic));
    return fl.topics[i];
}

static void subscribe(struct peer *p, struct str text)
{
    struct topic *t = topic_of(text);

    p->topic = t;
    p->next_of_topic = t->peers;
    t->peers = p;
    send_frame(p, WS_OP_TEXT, STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"status\":\"ok\"}}"));
}

/* The frame is as long as the one that the server sends. */
static void deliver(struct topic *t, struct str text)
{
    static const char before[] =
        "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"id\":\"1574843571767-0\",";
    const char *at = memmem(text.p, text.n, "\"message\":\"", 11);
    struct buf body = { 0 };

    buf_add(&body, before, sizeof(before) - 1);
    buf_add(&body, at, (size_t)(text.p + text.n - at) - 2);
    buf_add_str(&body, STR(",\"topic\":\"b/0/x\"}}"));
    add_frame(&t->pending, WS_OP_TEXT, buf_str(&body));
    buf_done(&body);
    if (!fl.coalesces) {
        flush_topic(t);
    } else if (!t->is_dirty) {
        t->is_dirty = true;
        fl.dirty[fl.n_dirty++] = t;
    }
}

static void on_text(struct peer *p, struct str text)
{
    if (memmem(text.p, text.n, "\"subscribe\"", 11)) {
        subscribe(p, text);
        return;
    }
    send_frame(p, WS_OP_TEXT, STR("{\"id\":9,\"jsonrpc\":\"2.0\",\"result\":{\"status\":\"ok\"}}"));
    deliver(topic_of(text), text);
}

/* ---- in ---- */

static size_t take_frame(struct peer *p, char *in, size_t n)
{
    size_t head = 2, payload;
    const char *mask;

    if (n < 14 && (n < 6 || n < 6 + ((uint8_t)in[1] & 0x7fu)))
        return 0;
    payload = (uint8_t)in[1] & 0x7f;
    if (payload == 126) {
        head = 4;
        payload = (size_t)(uint8_t)in[2] << 8 | (uint8_t)in[3];
    }
    mask = in + head;
    head += 4;
    if (n < head + payload)
        return 0;
    for (size_t i = 0; i < payload; i++)
        in[head + i] = (char)(in[head + i] ^ mask[i & 3]);
    if ((in[0] & 0xf) == WS_OP_PING)
        send_frame(p, WS_OP_PONG, str_make(in + head, payload));
    else
        on_text(p, str_make(in + head, payload));
    return head + payload;
}

static void send_figures(struct peer *p)
{
    char body[64], text[160];
    int n =
        snprintf(body, sizeof(body), "{\"socket_sends_total\":%llu}", (unsigned long long)fl.sends);

    n = snprintf(text, sizeof(text),
                 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", n, body);
    transmit(p, str_make(text, (size_t)n));
    (void)shutdown(p->fd, SHUT_WR);
}

static size_t take_request(struct peer *p, struct str in)
{
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    const char *key = memmem(in.p, in.n, "Sec-WebSocket-Key: ", 19);
    char accept[WS_ACCEPT_LEN + 1], text[200];
    int n;

    if (!end)
        return 0;
    if (!key) {
        send_figures(p);
        return in.n;
    }
    ws_accept(str_make(key + 19, 24), accept);
    n = snprintf(text, sizeof(text),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    transmit(p, str_make(text, (size_t)n));
    p->upgraded = true;
    return (size_t)(end - in.p) + 4;
}

static void drop(struct peer *p)
{
    if (p->topic) {
        struct peer **at = &p->topic->peers;

        while (*at != p)
            at = &(*at)->next_of_topic;
        *at = p->next_of_topic;
    }
    close(p->fd);
    buf_done(&p->in);
    buf_done(&p->out);
    free(p);
}

static size_t take_all(struct peer *p, char *in, size_t n)
{
    size_t used = 0, step;

    do {
        step = p->upgraded ? take_frame(p, in + used, n - used)
                           : take_request(p, str_make(in + used, n - used));
        used += step;
    } while (step && used < n);
    return used;
}

static void on_readable(struct peer *p)
{
    ssize_t n = recv(p->fd, fl.scratch, SCRATCH, 0);
    size_t used;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(p);
        return;
    }
    if (buf_used(&p->in)) {
        buf_add(&p->in, fl.scratch, (size_t)n);
        buf_consume(&p->in, take_all(p, buf_head(&p->in), buf_used(&p->in)));
    } else {
        used = take_all(p, fl.scratch, (size_t)n);
        buf_add(&p->in, fl.scratch + used, (size_t)n - used);
    }
    if (buf_used(&p->in) == 0)
        buf_done(&p->in);
}

/* ---- sockets ---- */

static void adopt(int fd)
{
    struct peer *p = mem_zalloc(sizeof(*p));
    int on = 1;

    p->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(p, EPOLL_CTL_ADD, EPOLLIN);
}

static void accept_all(int listen_fd, void (*fn)(int fd))
{
    int fd;

    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        fn(fd);
}

static void post(int fd)
{
    bool was_empty;

    pthread_mutex_lock(&fl.mailbox.lock);
    was_empty = fl.mailbox.n == 0;
    require(fl.mailbox.n < MAILBOX_MAX, "mailbox");
    fl.mailbox.fds[fl.mailbox.n++] = fd;
    pthread_mutex_unlock(&fl.mailbox.lock);
    if (was_empty)
        (void)eventfd_write(fl.mailbox.event_fd, 1);
}

static void *acceptor_main(void *arg)
{
    struct epoll_event ev = { .events = EPOLLIN };
    int listen_fd = *(int *)arg;
    int epoll_fd = epoll_create1(0);

    require(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &ev) == 0, "epoll_ctl");
    for (;;) {
        if (epoll_wait(epoll_fd, &ev, 1, -1) == 1)
            accept_all(listen_fd, post);
    }
    return NULL;
}

static void take_mail(void)
{
    int fds[MAILBOX_MAX];
    eventfd_t ignored;
    size_t n;

    (void)eventfd_read(fl.mailbox.event_fd, &ignored);
    pthread_mutex_lock(&fl.mailbox.lock);
    n = fl.mailbox.n;
    memcpy(fds, fl.mailbox.fds, n * sizeof(fds[0]));
    fl.mailbox.n = 0;
    pthread_mutex_unlock(&fl.mailbox.lock);
    for (size_t i = 0; i < n; i++)
        adopt(fds[i]);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    require(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 4096) == 0, "listen");
    return fd;
}

static void watch_source(int fd, void *tag)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = tag };

    require(epoll_ctl(fl.epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl");
}

static char listener_tag, mailbox_tag;

static void dispatch(const struct epoll_event *ev, int listen_fd)
{
    struct peer *p = ev->data.ptr;

    if (ev->data.ptr == &listener_tag) {
        accept_all(listen_fd, adopt);
    } else if (ev->data.ptr == &mailbox_tag) {
        take_mail();
    } else {
        if (ev->events & EPOLLOUT)
            on_writable(p);
        if (ev->events & ~(uint32_t)EPOLLOUT)
            on_readable(p);
    }
}

static void serve(int listen_fd)
{
    struct epoll_event ready[READY_MAX];

    for (;;) {
        int n = epoll_wait(fl.epoll_fd, ready, READY_MAX, -1);

        for (int i = 0; i < n; i++)
            dispatch(&ready[i], listen_fd);
        for (size_t i = 0; i < fl.n_dirty; i++)
            flush_topic(fl.dirty[i]);
        fl.n_dirty = 0;
    }
}

int main(int argc, char **argv)
{
    bool has_acceptor = false;
    struct rlimit files;
    pthread_t acceptor;
    int listen_fd;
    uint16_t port = 0;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--port=", 7) == 0)
            port = (uint16_t)strtoul(argv[i] + 7, NULL, 10);
        fl.coalesces |= strcmp(argv[i], "coalesce") == 0;
        has_acceptor |= strcmp(argv[i], "threads") == 0;
    }
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    fl.epoll_fd = epoll_create1(0);
    listen_fd = listen_on(port);
    fl.mailbox.event_fd = eventfd(0, EFD_NONBLOCK);
    pthread_mutex_init(&fl.mailbox.lock, NULL);
    watch_source(fl.mailbox.event_fd, &mailbox_tag);
    if (has_acceptor)
        require(pthread_create(&acceptor, NULL, acceptor_main, &listen_fd) == 0, "thread");
    else
        watch_source(listen_fd, &listener_tag);
    serve(listen_fd);
}
