/* redis_payload.h - live messages as they come in our channels: ours, and those of a C++ Eventhub on
 * the same prefix.
 * Thread:  any; pure. Anybody who may PUBLISH there writes them: nothing is believed.
 */
#ifndef EH_BROKER_REDIS_PAYLOAD_H
#define EH_BROKER_REDIS_PAYLOAD_H

#include "hub/message.h"

/* The message in a payload that came for `topic`; NULL for junk. What our own script wrote
 * (scripts/publish.lua) costs no tree; all else that is right, in any order and with members that
 * we do not know, is read the long way. */
struct message *redis_payload_parse(struct str topic, struct str payload);

#endif
