/* redis_presence_text.h - the questions that nodes ask each other about presence, and the answers,
 * as JSON.
 * Thread:  any; pure.
 * Trusts:  nothing that comes from Redis: other programs write to it, too.
 *   question  {"id":7,"node":"0123456789abcdef","subs":true,"topic":"a/+","v":1}
 *   answer    {"count":3,"id":7,"more":false,"subs":["ann","bob"],"v":1}
 * and the same for other questions, whose text is not examined here:
 *   question  {"ask":{...},"id":8,"node":"0123456789abcdef","v":1}
 *   answer    {"answers":[...],"id":8,"v":1}
 */
#ifndef EH_BROKER_REDIS_PRESENCE_TEXT_H
#define EH_BROKER_REDIS_PRESENCE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "hub/presence.h"
#include "hub/topic.h"

#define REDIS_NODE_TEXT 16 /* hexadecimal digits that name a node for the life of its process */

/* Bytes of a text; longer texts are refused unread. */
#define REDIS_PRESENCE_QUESTION_MAX 8192
#define REDIS_PRESENCE_ANSWER_MAX   (512u * 1024)
#define REDIS_ASK_QUESTION_MAX      (32u * 1024)       /* with "ask" */
#define REDIS_ASK_ANSWER_MAX        (4u * 1024 * 1024) /* with "answers" */

struct json_t; /* jansson's */

struct redis_presence_question {
    uint64_t id;                    /* chosen by the asker */
    char node[REDIS_NODE_TEXT + 1]; /* the asker */
    char filter[TOPIC_MAX + 1];     /* a valid topic or pattern */
    bool wants_subs;
    struct json_t *ask; /* a reference; NULL: who is subscribed to the filter */
};

struct redis_presence_answer {
    uint64_t id; /* of the question */
    struct presence presence;
    struct json_t *answers; /* an array, a reference; NULL: presence */
};

/* Borrow the references. */
void redis_presence_add_question(struct buf *out, const struct redis_presence_question *q);
/* Leaves out subs beyond half of REDIS_PRESENCE_ANSWER_MAX and sets `more` then. */
void redis_presence_add_answer(struct buf *out, const struct redis_presence_answer *a);

/* The caller owns the references. EH_EINVAL: the text is not a valid question or answer. */
int redis_presence_read_question(struct str text, struct redis_presence_question *ret) EH_MUST_USE;
int redis_presence_read_answer(struct str text, struct redis_presence_answer *ret) EH_MUST_USE;

#endif
