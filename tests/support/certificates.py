"""The certificates of authorities, read once a process: each client of httpx reads them, though tests speak HTTP.

That is 18 ms of a processor for each client, and nearly every test makes some: one for each look while it waits.
"""

from __future__ import annotations

import functools

from httpx._transports import default


def read_once() -> None:
    """From now on clients with the same settings share one TLS context."""
    default.create_ssl_context = functools.cache(default.create_ssl_context)
