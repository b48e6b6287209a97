/* option_value.h - the values that options take: durations, sizes, rates, choices.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_OPTION_VALUE_H
#define EH_CTL_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct option;

/* Sets the option's member in the struct at base; the text must outlive it. EH_EINVAL: the text
 * breaks the rule of the option; EH_ELIMIT: the list is full. */
int option_set(const struct option *o, void *base, const char *text) EH_MUST_USE;
/* Adds the rule: "must be a number from 1 to 100". */
void option_add_rule(struct buf *out, const struct option *o);

/* Parses "500ms", "30s", "10m", "2h", "7d", or a number of seconds. For texts that hold durations
 * inside ("chat/#=10/1s"), too. False: it is none, or does not fit. */
bool duration_parse(struct str text, uint64_t *ret_ms);
/* Adds the shortest such text: "90s", "2h". */
void duration_add(struct buf *out, uint64_t ms);

#endif
