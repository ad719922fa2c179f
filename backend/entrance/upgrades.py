"""An offer to speak another protocol is ignored, as a server may (RFC 9110 §7.8): the request is answered in HTTP/1.1.

The JDK's HTTP client offers h2c with every first request, also with a request that has a body. The parser stops behind
a head with an offer and takes all that follows for the other protocol, so the head is parsed again, without its offer.
"""

from __future__ import annotations

import sys
from typing import Any

import httptools

from backend.entrance.heads import BoundedHeads

OFFERS = (b"upgrade", b"http2-settings")  # names of headers, which `Connection` lists too


class OffersIgnored(BoundedHeads):
    """A connection that answers a request in HTTP/1.1, whatever other protocol its head offers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = b""
        self._again = b""

    def data_received(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            self._received, self._again = data, b""
            super().data_received(data)
            data = self._again

    def _should_upgrade(self) -> bool:
        """Whether uvicorn is to pass over the head and call `handle_websocket_upgrade`: for all but a CONNECT, which is
        refused as a request, since its target is no path."""
        return self.parser.get_method() != b"CONNECT"

    def handle_websocket_upgrade(self) -> None:
        """uvicorn calls this while it handles the parser's exception, whose argument is where the head ended."""
        offer = sys.exception()
        assert isinstance(offer, httptools.HttpParserUpgrade)  # noqa: S101 - nothing else brings uvicorn here
        self._again = self._head_without_offer() + self._received[offer.args[0] :]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % (name, _without_offer(name, value)) for name, value in self.headers if name not in OFFERS]
        return b"\r\n".join([*lines, b"", b""])


def _without_offer(name: bytes, value: bytes) -> bytes:
    if name != b"connection":
        return value
    return b", ".join(token for token in map(bytes.strip, value.split(b",")) if token.lower() not in OFFERS)
