#include "app/conn/compression.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/loop.h"
#include "proto/deflate.h"
#include "proto/utf8.h"
#include "proto/ws.h"
#include "proto/ws_deflate.h"

#define WINDOWS (WS_DEFLATE_MAX_BITS - WS_DEFLATE_MIN_BITS + 1)

struct compression {
    const struct config *config;
    struct metrics_cell *metrics;
    struct deflater *deflaters[WINDOWS]; /* NULL: not needed yet */
    struct inflater *inflater;
    size_t inflated; /* bytes, since other clients had their turn */
};

struct compression *compression_create(const struct config *config, struct metrics_cell *metrics)
{
    struct compression *z = mem_zalloc(sizeof(*z));

    z->config = config;
    z->metrics = metrics;
    return z;
}

void compression_free(struct compression *z)
{
    if (!z)
        return;
    for (size_t i = 0; i < WINDOWS; i++)
        deflater_free(z->deflaters[i]);
    inflater_free(z->inflater);
    free(z);
}

bool compression_is_for(const struct compression *z, size_t message_bytes)
{
    return message_bytes >= z->config->compression_min_size &&
           message_bytes <= z->config->max_message_size;
}

static struct deflater *deflater_for(struct compression *z, unsigned window_bits)
{
    struct deflater **d = &z->deflaters[window_bits - WS_DEFLATE_MIN_BITS];

    if (!*d)
        *d = deflater_create(window_bits);
    return *d;
}

struct bytes *compression_deflate(struct compression *z, unsigned window_bits, struct str first,
                                  struct str second, size_t saved)
{
    const struct str parts[] = { first, second };
    size_t n = first.n + second.n;
    struct bytes *deflated = NULL;
    struct buf out = { 0 };

    metrics_add(z->metrics, METRIC_DEFLATE_IN, (int64_t)n);
    if (n > saved && deflater_message(deflater_for(z, window_bits), parts, 2, n - saved, &out))
        deflated = bytes_copy(buf_str(&out));
    metrics_add(z->metrics, METRIC_DEFLATE_OUT, (int64_t)(deflated ? deflated->n : n));
    buf_done(&out);
    return deflated;
}

static int close_code_of(int rc)
{
    return rc == EH_ELIMIT ? -WS_CLOSE_TOO_BIG : -WS_CLOSE_BAD_DATA;
}

int compression_inflate(struct compression *z, struct str payload, bool is_text, struct buf *text)
{
    int rc;

    if (!z->inflater)
        z->inflater = inflater_create();
    rc = inflater_message(z->inflater, payload, z->config->max_message_size, text);
    metrics_add(z->metrics, METRIC_INFLATE_IN, (int64_t)payload.n);
    metrics_add(z->metrics, METRIC_INFLATE_OUT, (int64_t)buf_used(text));
    z->inflated += buf_used(text);
    if (rc < 0) {
        metrics_inc(z->metrics, METRIC_INFLATE_REFUSED);
        return close_code_of(rc);
    }
    return !is_text || utf8_is_valid(buf_str(text)) ? EH_OK : -WS_CLOSE_BAD_DATA;
}

bool compression_had_its_share(struct compression *z)
{
    if (z->inflated <= LOOP_SCRATCH)
        return false;
    z->inflated = 0;
    return true;
}
