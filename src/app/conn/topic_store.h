/* topic_store.h - the settings of topics (TOPICS_FILE), which SIGHUP replaces while workers use
 * them.
 * Thread:  shared. A mutex guards which settings are current, and is held only to take a reference
 *          or to swap the pointer. Settings themselves never change.
 * Owns:    a reference of the current settings.
 */
#ifndef EH_APP_TOPIC_STORE_H
#define EH_APP_TOPIC_STORE_H

#include "hub/topic_settings.h"

struct topic_store;

struct topic_store *topic_store_create(struct topic_settings *settings); /* takes the reference */
void topic_store_free(struct topic_store *s);                            /* NULL is fine */
void topic_store_replace(struct topic_store *s, struct topic_settings *settings); /* the same */

/* Returns the values for a valid topic, as topic_settings_find does. */
struct topic_setting topic_store_find(struct topic_store *s, struct str topic);

#endif
