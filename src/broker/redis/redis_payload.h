/* redis_payload.h - parses live messages from our channels: our own, and those of a C++ Eventhub
 * with the same prefix.
 * Thread:  any; pure.
 * Trusts:  nothing: any program that may PUBLISH can write to these channels.
 */
#ifndef EH_BROKER_REDIS_PAYLOAD_H
#define EH_BROKER_REDIS_PAYLOAD_H

#include "hub/message.h"

/* Returns the message in a payload that came for `topic`; NULL if it is invalid. A payload exactly
 * as scripts/publish.lua writes it is parsed without a JSON tree. Any other valid one, with its
 * members in any order and with unknown members, is parsed with a tree. */
struct message *redis_payload_parse(struct str topic, struct str payload);

#endif
