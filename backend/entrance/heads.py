"""A request's head is bounded before any code of ours reads it, and ends where the request's body begins.

The parser joins a header, or a URL, that comes in many pieces, and does so anew for each piece: a header without an end
would take ever more memory, and ever more of the loop's time.
"""

from __future__ import annotations

from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX = 64 * 1024  # beside what comes in the same piece; proxies in front of this server allow less
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
log = structlog.get_logger()


class BoundedHeads(HttpToolsProtocol):
    """A connection that is closed once more than `HEAD_MAX` bytes have brought neither the end of a head nor any body.
    The trailers behind a body in chunks have the same bound.

    Trailers are dropped (RFC 9110 §6.5.1): they come after everything that the head's headers were checked for.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = 0
        self._in_head = False

    def data_received(self, data: bytes) -> None:
        self._held += len(data)
        super().data_received(data)
        if self._held > HEAD_MAX and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._held = 0
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._held = 0
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._held = 0
        super().on_message_complete()

    def _refuse(self) -> None:
        """Close the connection. The client gets a 431 first, unless an answer is under way on this connection."""
        log.info("a head without an end", action="request.head_too_long")
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(TOO_LONG)
        self.transport.close()
