/* redis_presence_text.h - what nodes ask each other about presence and what they answer, as JSON.
 * Thread:  any; pure. Nothing that comes from Redis is believed: other programs write to it too.
 *   question  {"id":7,"node":"0123456789abcdef","subs":true,"topic":"a/+","v":1}
 *   answer    {"count":3,"id":7,"more":false,"subs":["ann","bob"],"v":1}
 */
#ifndef EH_BROKER_REDIS_PRESENCE_TEXT_H
#define EH_BROKER_REDIS_PRESENCE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "hub/presence.h"
#include "hub/topic.h"

#define REDIS_NODE_TEXT 16 /* hexadecimal digits: a node, for as long as its process lives */

/* Bytes of what comes; what is longer is refused unread. */
#define REDIS_PRESENCE_QUESTION_MAX 1024
#define REDIS_PRESENCE_ANSWER_MAX   (512u * 1024)

struct redis_presence_question {
    uint64_t id;                    /* the asker's own */
    char node[REDIS_NODE_TEXT + 1]; /* who asks */
    char filter[TOPIC_MAX + 1];     /* a valid topic or pattern */
    bool wants_subs;
};

struct redis_presence_answer {
    uint64_t id; /* of the question */
    struct presence presence;
};

void redis_presence_add_question(struct buf *out, const struct redis_presence_question *q);
/* Subs over half of what an answer may have are left out, and `more` says so. */
void redis_presence_add_answer(struct buf *out, const struct redis_presence_answer *a);

/* EH_EINVAL: it is none; nothing is kept. */
int redis_presence_read_question(struct str text, struct redis_presence_question *ret) EH_MUST_USE;
int redis_presence_read_answer(struct str text, struct redis_presence_answer *ret) EH_MUST_USE;

#endif
