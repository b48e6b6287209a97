/* redis_parser.h - replies out of the bytes that Redis sends (RESP2). hiredis parses; what it makes
 * lies in memory that is used again for the next reply, so that a message of the feed costs no
 * allocation.
 * Thread:  its owner's.
 * Owns:    the reply last returned, until the next call of redis_parser_next, _reset or _free.
 * Limits:  REDIS_ARRAY_MAX elements of an array, before memory is taken for them (our scripts
 *          send far fewer), REDIS_NESTING_MAX arrays in each other. What a string may be long is
 *          for Redis to keep: it takes what has arrived.
 * Fails:   what is no RESP2 ends the stream: every later call says so, until it is reset.
 */
#ifndef EH_BROKER_REDIS_PARSER_H
#define EH_BROKER_REDIS_PARSER_H

#include "base/err.h"
#include "base/str.h"

#define REDIS_ARRAY_MAX   65536
#define REDIS_NESTING_MAX 8

struct redisReply;
struct redis_parser;

struct redis_parser *redis_parser_create(void);
void redis_parser_free(struct redis_parser *r);
void redis_parser_reset(struct redis_parser *r); /* the start of another stream */

/* Takes bytes from the start of *in, not all of them at a time: again until next finds no reply and
 * *in is empty. */
void redis_parser_feed(struct redis_parser *r, struct str *in);
/* *ret is NULL when more bytes are needed. EH_EINVAL: redis_parser_why says what is wrong. */
int redis_parser_next(struct redis_parser *r, const struct redisReply **ret) EH_MUST_USE;
const char *redis_parser_why(const struct redis_parser *r);

#endif
