"""The common settings of the tests' httpx clients, in one place: they are patient, and quickly made."""

from __future__ import annotations

import functools

import httpx
from httpx._transports import default

PATIENT = 30.0  # seconds; httpx's own five are a limit on the load of this machine, where a test sets no other


def make_patient() -> None:
    """From now on a client, or a single request, waits that long where its caller gives no time-out."""
    for function in (httpx.Client.__init__, httpx.AsyncClient.__init__, httpx.request):
        _default(function, PATIENT)
    for name in ("get", "post", "put", "patch", "delete", "head", "options"):
        _default(getattr(httpx, name), PATIENT)


def _default(function: object, timeout: float) -> None:
    defaults = getattr(function, "__kwdefaults__", {})
    assert "timeout" in defaults, f"{function} has no such default any more"
    defaults["timeout"] = httpx.Timeout(timeout)


def share_certificates() -> None:
    """From now on clients with the same settings share one TLS context.

    Each would read the certificates of all authorities when it is made, though tests speak HTTP: 18 ms of a processor,
    and nearly every test makes some clients, one for each look while it waits.
    """
    default.create_ssl_context = functools.cache(default.create_ssl_context)
