/* gaps.h - the topics whose messages are missing: they left the log before they could be read.
 * Thread:  any; a struct gaps is immutable.
 * Owns:    copies of the topics. A struct gaps is one block, which its owner frees with free().
 */
#ifndef EH_BROKER_GAPS_H
#define EH_BROKER_GAPS_H

#include "broker/call.h"

#define GAPS_MAX 100 /* topics in one struct gaps; when there are more, the topics are not known */

struct gaps {
    size_t n; /* at least 1 */
    struct str topics[];
};

struct gaps *gaps_create(const struct str *topics, size_t n);
/* Adds the topics of `more` to *gaps, which may be NULL. No topic is added twice. Returns false,
 * and changes nothing, if they would be more than GAPS_MAX. */
bool gaps_add(struct gaps **gaps, const struct gaps *more);

/* The messages that were delivered after a gap was reported. */
enum gaps_since {
    GAPS_NOTHING,
    GAPS_LIVE,  /* live messages that the log lacks */
    GAPS_ENTRY, /* an entry of the log: nothing of its topic is missing behind it */
};

/* The gaps that were already reported to one reader of the log. A page that starts below a gap
 * finds the same gap as the page before it; that is new only if a message of the topic came in
 * between. {0} at the start. */
struct gaps_told {
    bool all;                /* of unknown topics; since[0] is theirs */
    struct gaps *topics;     /* or NULL */
    bool is_past;            /* the page after it had no gap */
    uint8_t since[GAPS_MAX]; /* enum gaps_since */
};

/* Compares a page with the gaps reported so far. Returns true when messages are missing that were
 * not reported yet, and sets *ret_gaps to their topics, or to NULL when the topics are not known.
 * The caller frees *ret_gaps. Updates `told`. */
bool gaps_news(struct gaps_told *told, const struct broker_history *page, struct gaps **ret_gaps);
/* Notes that messages are missing, and that this was reported, without a page. */
void gaps_told_all(struct gaps_told *told);
/* Notes a message that was delivered: an entry of the log, or a live one. */
void gaps_delivered(struct gaps_told *told, const struct message *m, bool is_entry);
/* Called where live messages are missing. Returns true if the gap must be reported again: live
 * messages followed it that the log lacks, and so it may lack those that are missing here. Sets
 * *ret_gaps as gaps_news does. */
bool gaps_again(struct gaps_told *told, struct gaps **ret_gaps);
/* The feed was interrupted: the log may have lost further messages behind those delivered. */
void gaps_interrupted(struct gaps_told *told);
void gaps_told_done(struct gaps_told *told);

#endif
