/* api_trim.h - cuts what the workers of a node answer to a question of the control API
 * (api_worker.h) down to what can be on the asker's page, before it is sent through Redis.
 * Thread:  the broker's; pure.
 * Why:     each worker lists up to a page of clients, since it does not know the others. Of 16
 *          workers that is 1,600 clients, of which the asker drops 1,500, and with long subs they
 *          could exceed the longest answer (REDIS_ASK_ANSWER_MAX).
 */
#ifndef EH_APP_API_TRIM_H
#define EH_APP_API_TRIM_H

struct json_t; /* jansson's */

/* `answers` is the array of all workers' answers. */
void api_trim(const struct json_t *question, const struct json_t *answers);

#endif
