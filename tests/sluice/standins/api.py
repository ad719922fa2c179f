"""Answers every GET with 200 on SLUICE_HOST:SLUICE_PORT, and leaves its mark in the data folder when it is stopped."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

from tests.sluice.standins.marks import leave_mark


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Writes no line for a request."""


def end(number: int, frame: FrameType | None) -> None:
    leave_mark("api")
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
server = ThreadingHTTPServer((os.environ["SLUICE_HOST"], int(os.environ["SLUICE_PORT"])), Healthy)
fields = {"pools": os.environ.get("SLUICE_POOLS", "")}
print(json.dumps({"level": "info", "event": "stand-in API listens", **fields}), flush=True)
server.serve_forever()
