#include "proto/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"

/* Level 6 takes twice the time to save a tenth, and saves nothing on short messages. */
#define LEVEL       3
#define MEMORY      8 /* zlib's default: 128 KiB besides the window */
#define WINDOW_MAX  (32 * 1024)
#define TAIL        "\0\0\xff\xff" /* the bytes that a message omits */
#define TAIL_LEN    4
#define FIRST_CHUNK 4096
/* Limits the blocks with BFINAL set in one message. Senders that cannot flush make one (RFC 7692
 * 7.2.3.4). After each we restore the window, which costs far more than the two bytes of input that
 * ask for it. */
#define FINAL_MAX 64

struct deflater {
    z_stream z;
};

struct inflater {
    z_stream z;
    unsigned n_final; /* in this message */
};

static void *on_alloc(void *opaque, uInt items, uInt size)
{
    (void)opaque;
    return mem_array(NULL, items, size);
}

static void on_free(void *opaque, void *p)
{
    (void)opaque;
    free(p);
}

/* Sets the input; zlib takes a pointer to it that is not const. */
static void set_input(z_stream *z, struct str in)
{
    z->next_in = (Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
}

static void set_output(z_stream *z, char *p, size_t n)
{
    z->next_out = (Bytef *)p;
    z->avail_out = (uInt)n;
}

/* Asserts that a call to zlib succeeded: it fails only for lack of memory, which aborts, or because
 * of a bug of ours. */
static void check(int rc)
{
    if (rc != Z_OK)
        abort();
}

/* ---- out ---- */

struct deflater *deflater_create(unsigned window_bits)
{
    struct deflater *d = mem_zalloc(sizeof(*d));

    d->z.zalloc = on_alloc;
    d->z.zfree = on_free;
    check(deflateInit2(&d->z, LEVEL, Z_DEFLATED, -(int)window_bits, MEMORY, Z_DEFAULT_STRATEGY));
    return d;
}

void deflater_free(struct deflater *d)
{
    if (!d)
        return;
    (void)deflateEnd(&d->z);
    free(d);
}

/* Gives zlib one byte more than allowed: if that byte is left over, it has finished. */
bool deflater_message(struct deflater *d, const struct str *parts, size_t n_parts, size_t most,
                      struct buf *out)
{
    size_t room = most + TAIL_LEN + 1;

    check(deflateReset(&d->z));
    set_output(&d->z, buf_reserve(out, room), room);
    for (size_t i = 0; i < n_parts; i++) {
        set_input(&d->z, parts[i]);
        (void)deflate(&d->z, i + 1 < n_parts ? Z_NO_FLUSH : Z_SYNC_FLUSH);
        if (d->z.avail_out == 0)
            return false;
    }
    buf_commit(out, room - d->z.avail_out - TAIL_LEN);
    return true;
}

void deflate_stored_head(char out[DEFLATE_STORED_HEAD], size_t n)
{
    out[0] = 0; /* BFINAL 0, BTYPE 00, and padding to the end of the byte */
    out[1] = (char)(n & 0xff);
    out[2] = (char)(n >> 8);
    out[3] = (char)~out[1];
    out[4] = (char)~out[2];
}

/* ---- in ---- */

struct inflater *inflater_create(void)
{
    struct inflater *f = mem_zalloc(sizeof(*f));

    f->z.zalloc = on_alloc;
    f->z.zfree = on_free;
    check(inflateInit2(&f->z, -MAX_WBITS));
    return f;
}

void inflater_free(struct inflater *f)
{
    if (!f)
        return;
    (void)inflateEnd(&f->z);
    free(f);
}

/* Restarts the inflater after a final block. Later blocks may still refer to text before it. */
static int go_on_after_final(struct inflater *f, const struct buf *out)
{
    size_t n = buf_used(out) < WINDOW_MAX ? buf_used(out) : WINDOW_MAX;

    if (++f->n_final > FINAL_MAX)
        return EH_EINVAL;
    check(inflateReset(&f->z));
    if (n)
        check(
            inflateSetDictionary(&f->z, (const Bytef *)buf_head(out) + buf_used(out) - n, (uInt)n));
    return EH_OK;
}

static int inflate_all(struct inflater *f, struct str in, size_t max, struct buf *out)
{
    set_input(&f->z, in);
    do {
        size_t used = buf_used(out);
        size_t room = used > FIRST_CHUNK ? used : FIRST_CHUNK; /* doubles the output */
        int rc;

        if (room > max + 1 - used)
            room = max + 1 - used; /* one byte more than max shows that it is too long */
        set_output(&f->z, buf_reserve(out, room), room);
        rc = inflate(&f->z, Z_SYNC_FLUSH);
        buf_commit(out, room - f->z.avail_out);
        if (buf_used(out) > max)
            return EH_ELIMIT;
        if (rc == Z_STREAM_END)
            EH_TRY(go_on_after_final(f, out));
        else if (rc != Z_OK && rc != Z_BUF_ERROR) /* BUF: no more input */
            return EH_EINVAL;
    } while (f->z.avail_in || f->z.avail_out == 0);
    return EH_OK;
}

int inflater_message(struct inflater *f, struct str in, size_t max, struct buf *out)
{
    f->n_final = 0;
    check(inflateReset(&f->z));
    EH_TRY(inflate_all(f, in, max, out));
    EH_TRY(inflate_all(f, STR(TAIL), max, out));
    /* data_type (zlib.h) is 128 right after a block with no unused bits in the last byte. A
     * truncated message ends elsewhere. */
    return f->z.data_type == 128 ? EH_OK : EH_EINVAL;
}
