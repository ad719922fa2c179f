"""The certificates of the world, read once: a client of httpx reads all of them when it is made, though tests speak HTTP.

That is 18 ms of a processor for each client, and nearly every test makes one, or one a question while it waits.
"""

from __future__ import annotations

import functools

from httpx._transports import default


def read_once() -> None:
    """From now on clients with the same settings share one TLS context."""
    default.create_ssl_context = functools.cache(default.create_ssl_context)  # type: ignore[assignment]
