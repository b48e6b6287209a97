"""Publishes with a POST, and nothing but Python's standard library:  publish.py TOPIC KEY MESSAGE"""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import quote

EVENTHUB_URL = os.environ.get("EVENTHUB_URL", "http://127.0.0.1:8080")
EVENTHUB_TOKEN = os.environ.get("EVENTHUB_TOKEN", "")
GIVE_UP_AFTER_S = 240  # the server remembers a key for 300 seconds
PASSES = (408, 429, 502, 503, 504)  # statuses with which it makes sense to try again


def post(topic, key, message):
    url = f"{EVENTHUB_URL}/{quote(topic)}?key={quote(key, safe='')}"
    request = urllib.request.Request(url, data=message.encode(), method="POST")
    request.add_header("Authorization", f"Bearer {EVENTHUB_TOKEN}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["id"]


def publish(topic, key, message):
    """Returns the id of the message. The key names the event, so that repetitions are stored once."""
    give_up_at = time.monotonic() + GIVE_UP_AFTER_S
    wait = 1.0
    while True:
        seconds = random.uniform(0, wait)
        try:
            return post(topic, key, message)
        except urllib.error.HTTPError as error:
            if error.code not in PASSES:
                raise RuntimeError(f"{topic}: {error.code}: {error.read().decode()}") from error
            seconds += int(error.headers.get("Retry-After", 0))
            reason = error
        except (OSError, HTTPException) as error:  # not reachable, or no answer: it may be published
            reason = error
        if time.monotonic() + seconds > give_up_at:
            raise RuntimeError(f"not published, or outcome unknown: {reason}")
        print(f"{reason}, trying again in {seconds:.1f} s", file=sys.stderr)
        time.sleep(seconds)
        wait = min(2 * wait, 30)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        print(publish(*sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(str(error))
