/* publisher.h - publishes messages to one topic, many under way, each stored once.
 * Source:  one text, several times; or the lines of stdin.
 * Thread:  main; runs the loop.
 * Borrows: the invocation, which outlives it.
 * Bounds:  see publishes.h; a line of ARGUMENT_TEXT_MAX bytes.
 */
#ifndef EH_CTL_PUBLISHER_H
#define EH_CTL_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct invocation;

struct publisher_setup {
    const char *topic;
    struct str text; /* of each message; {NULL, 0}: the lines of stdin */
    uint64_t repeat; /* how often the text is published */
    uint64_t ttl_s;  /* 0: the server's default */
    uint64_t rate;   /* messages per second; 0: no limit */
    const char *key; /* of the only message; NULL: a random one for each message */
};

/* Publishes everything and returns the exit status; has told what went wrong and how many messages
 * were published. */
int publisher_run(const struct invocation *in, const struct publisher_setup *setup) EH_MUST_USE;

#endif
