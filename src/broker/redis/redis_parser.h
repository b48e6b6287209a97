/* redis_parser.h - parses the bytes that Redis sends (RESP2) into replies. hiredis does the work;
 * we give it memory that is reused for the next reply, so a live message costs no allocation.
 * Thread:  its owner's.
 * Owns:    the reply last returned, until the next call of redis_parser_next, _reset or _free.
 * Limits:  REDIS_ARRAY_MAX elements of an array, checked before memory is allocated for them (our
 *          scripts send far fewer); REDIS_NESTING_MAX arrays inside each other. The length of a
 *          string is not limited: it takes only the memory of the bytes that have arrived. The
 *          bytes of a whole reply are limited by redis_parser_limit only.
 * Fails:   bytes that are not RESP2 end the stream: every later call fails, until the next reset.
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
void redis_parser_reset(struct redis_parser *r); /* starts another stream */
/* A reply of more bytes, give or take 4 KiB, ends the stream. 0, as at the start: no limit. */
void redis_parser_limit(struct redis_parser *r, size_t bytes);

/* Takes some bytes from the start of *in. Call it and redis_parser_next in turn until *in is empty
 * and next finds no reply. */
void redis_parser_feed(struct redis_parser *r, struct str *in);
/* Parses the next reply; *ret is NULL if more bytes are needed. EH_EINVAL: redis_parser_why names
 * the error. */
int redis_parser_next(struct redis_parser *r, const struct redisReply **ret) EH_MUST_USE;
const char *redis_parser_why(const struct redis_parser *r);

#endif
