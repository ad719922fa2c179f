"""Headers of every answer that does not bring its own: a browser must never take an API's answer for a page, and no
cache between us and a client may keep a request or its answer."""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[bytes, bytes]

DOCUMENTATION = ("/docs", "/static-offline-docs")  # the same for all callers
NO_STORE = (b"cache-control", b"no-store")
NOSNIFF = (b"x-content-type-options", b"nosniff")
CSP = b"content-security-policy"
NOTHING = b"default-src 'none'; frame-ancestors 'none'"
# FastAPI's `/docs` starts Swagger from an inline script; it shows our own schema, and nothing that a caller sent.
DOCS = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def missing_headers(path: str, headers: Iterable[Header]) -> list[Header]:
    """The headers to add to an answer's own. The page and a stream bring their own, and keep them."""
    names = {name for name, _ in headers}
    added = [] if NOSNIFF[0] in names else [NOSNIFF]
    if CSP not in names:
        added.append((CSP, DOCS if path.startswith("/docs") else NOTHING))
    if NO_STORE[0] not in names and not path.startswith(DOCUMENTATION):
        added.append(NO_STORE)
    return added
