#!/usr/bin/env bash
# Publishes one message:  publish.sh TOPIC KEY MESSAGE
# The key names the event, so that it is stored once however often this runs within 300 seconds. That makes it safe for
# curl to try again when there was no answer, and when the server answers 429 or 503.
set -euo pipefail

: "${EVENTHUB_URL:=http://127.0.0.1:8080}" "${EVENTHUB_TOKEN:=}"
[ $# -eq 3 ] || { echo "usage: publish.sh TOPIC KEY MESSAGE" >&2; exit 2; }
topic=$1 key=$2 message=$3
[[ $topic =~ ^[a-zA-Z0-9_/-]+$ ]] || { echo "not a valid topic: $topic" >&2; exit 2; }

# The token is passed by a file descriptor, because everybody on the machine can see the arguments of a command.
printf %s "$message" |
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 60 \
    --header @<(printf 'Authorization: Bearer %s\n' "$EVENTHUB_TOKEN") \
    --data-binary @- "$EVENTHUB_URL/$topic?key=$key"
