/* still_link.h - stands in for redis_link.c in a test that plays Redis itself: a link keeps what is
 * sent over it until the test answers.
 * Owns:    the links, until still_link_end.
 */
#ifndef EH_TESTS_STILL_LINK_H
#define EH_TESTS_STILL_LINK_H

#include "broker/redis/redis_link.h"

struct redis_link *still_link_last(void); /* the link that was created last */

/* The link connects, or loses its connection: then what was not answered gets REDIS_UNKNOWN. */
void still_link_up(struct redis_link *l);
void still_link_down(struct redis_link *l);

/* Returns the verb of the oldest command without an answer, or NULL; `EVALSHA` is "script". */
const char *still_link_asked(const struct redis_link *l);
size_t still_link_arguments(const struct redis_link *l); /* of that command, the verb included */
const char *still_link_argument(const struct redis_link *l, size_t i);
size_t still_link_sent(const struct redis_link *l); /* commands, ever */
/* Answers it, with any reply or a text. */
void still_link_answer(struct redis_link *l, const struct redisReply *reply);
void still_link_answer_text(struct redis_link *l, const char *text);
void still_link_fail(struct redis_link *l); /* REDIS_UNKNOWN */

/* Passes on a reply that answers no command, or is not the last answer to one. */
void still_link_push(struct redis_link *l, const struct redisReply *reply);

void still_link_end(void); /* frees all links */

#endif
