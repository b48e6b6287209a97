"""A backend that gives its users tokens for Eventhub: GET /token. Nothing but Python is needed."""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

JWT_SECRET = os.environ.get("JWT_SECRET", "")
PAGES = os.environ.get("PAGES", "http://127.0.0.1:8000")
PORT = int(os.environ.get("PORT", "8001"))
LIFETIME_S = int(os.environ.get("LIFETIME_S", "900"))
USER_NAME = re.compile(r"[a-z0-9_-]{1,40}")


def claims_of(user):
    """Only what this user needs. The name must not contain / + #, or it would give more rights than meant."""
    return {
        "sub": user,
        "read": ["rooms/lobby", f"users/{user}/#", "sensors/#"],
        "write": ["rooms/lobby"],
        "rlimit": [{"topic": "rooms/#", "interval": 10, "max": 20}],
        "exp": int(time.time()) + LIFETIME_S,
    }


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims):
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{base64url(hmac.digest(JWT_SECRET.encode(), signed.encode(), hashlib.sha256))}"


def user_of(query):
    """Replace this with the session of your application: here, everybody is who they say."""
    user = parse_qs(query).get("user", [""])[0]
    return user if USER_NAME.fullmatch(user) else None


class Backend(BaseHTTPRequestHandler):
    def do_GET(self):
        path = urlsplit(self.path)
        user = user_of(path.query)
        if path.path != "/token":
            self.answer(404, {"error": "not found"})
        elif not user:
            self.answer(401, {"error": "name the user: /token?user=alice"})
        else:
            self.answer(200, {"token": sign(claims_of(user)), "expires_in": LIFETIME_S})

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", PAGES)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        """The requests name users, so they are not printed."""


if not JWT_SECRET:
    sys.exit("set JWT_SECRET to the secret of the Eventhub server")
with ThreadingHTTPServer(("127.0.0.1", PORT), Backend) as server:
    print(f"tokens on port {PORT}", flush=True)
    server.serve_forever()
