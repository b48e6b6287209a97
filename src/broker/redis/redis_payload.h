/* redis_payload.h - parses live messages from our channels: our own, and those of a C++ Eventhub
 * with the same prefix.
 * Thread:  any; pure.
 * Trusts:  nothing: any program that may PUBLISH can write to these channels.
 */
#ifndef EH_BROKER_REDIS_PAYLOAD_H
#define EH_BROKER_REDIS_PAYLOAD_H

#include "hub/message.h"

/* A node before the member `expiry` has published the message, or one that keeps no log. */
#define REDIS_EXPIRY_UNKNOWN UINT64_MAX

/* Returns the message in a payload that came for `topic`; NULL if it is invalid. A payload exactly
 * as scripts/publish.lua writes it is parsed without a JSON tree. Any other valid one, with its
 * members in any order and with unknown members, is parsed with a tree. *ret_expires_ms is when the
 * message expires by Redis's clock; 0: never; or REDIS_EXPIRY_UNKNOWN. */
struct message *redis_payload_parse(struct str topic, struct str payload, uint64_t *ret_expires_ms);

#endif
