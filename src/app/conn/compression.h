/* compression.h - deflates and inflates messages for the clients of one worker (RFC 7692).
 * Thread:  its worker's.
 * Owns:    at most one deflater for each window size and one inflater, made when the first message
 *          needs them. All connections of the worker share them.
 * Costs:   CPU time of the worker, for one message of at most MAX_MESSAGE_SIZE at a time. A few
 *          bytes may inflate to many, so other clients get their turn after LOOP_SCRATCH inflated
 *          bytes.
 */
#ifndef EH_APP_COMPRESSION_H
#define EH_APP_COMPRESSION_H

#include <stdbool.h>

#include "app/config/config.h"
#include "base/buf.h"
#include "base/shared.h"
#include "hub/metrics.h"

struct compression;

struct compression *compression_create(const struct config *config, struct metrics_cell *metrics);
void compression_free(struct compression *z);

/* Reports whether messages of this size are compressed (COMPRESSION_MIN_SIZE to
 * MAX_MESSAGE_SIZE). */
bool compression_is_for(const struct compression *z, size_t message_bytes);

/* Deflates the two texts (the first may be empty) as one message, for a window of that size (9 to
 * 15 bits). NULL: it would save less than `saved` bytes. */
struct bytes *compression_deflate(struct compression *z, unsigned window_bits, struct str first,
                                  struct str second, size_t saved);

/* Inflates a client's message into text, which is empty. Returns 0 or minus a close code: -1007 if
 * it is not deflated or (is_text) not UTF-8, -1009 if it is longer than MAX_MESSAGE_SIZE. */
int compression_inflate(struct compression *z, struct str payload, bool is_text, struct buf *text);
/* Returns true, and starts to count again, if more than LOOP_SCRATCH bytes were inflated. */
bool compression_had_its_share(struct compression *z);

#endif
