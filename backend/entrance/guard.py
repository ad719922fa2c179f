"""A server on loopback is not open to any website: whose page may speak to it is checked before anything else.

- `Host` must be a name this server knows: a site that rebinds its own name to 127.0.0.1 sends its own. The address that
  the connection came to is no name, so nobody can rebind it: a cluster asks its pods by it. Names that nobody can own
  on the internet need not be known (docs/decisions/dialects-ollama.md).
- `Origin`, and what a browser says in `Sec-Fetch-Site`, must be this server or an allowed origin. Following a link
  here (a navigation by GET) stays possible.
- A body must not be of a type in which a page may send one unasked: a form's, or none. Every other type is read as
  JSON, whatever it calls itself. A file may come as a form, and some requests have no body; there the two above keep
  foreign pages out, and forms of browsers that say neither are refused. What Ollama's own examples send by curl, JSON
  that calls itself a form, is taken on Ollama's paths from what shows no sign of a browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.context import has_body, header
from backend.entrance.protocols import is_upload, spoken
from backend.entrance.refusal import error_response
from backend.errors import ApiError, Forbidden, Malformed, WrongMediaType

# A name or an address, and a port: `localhost:8000@evil.example` is none, though it begins like one.
HOST = re.compile(r"(?:\[([0-9A-Za-z:.%_-]+)\]|([A-Za-z0-9._-]+))(?::[0-9]*)?")
# `.localhost` is every machine's own (RFC 6761), `.local` is the link's (RFC 6762), `.internal` is never delegated
# (ICANN, 2024): no website can be under them, so none can be rebound to us. Ollama lets in the same.
NOBODYS = (".localhost", ".local", ".internal")

JSON_WANTED = "Send the body as JSON, with the header 'Content-Type: application/json'."
FORM_WANTED = "Send the file as a form, with the header 'Content-Type: multipart/form-data'."
PLAIN_WANTED = "Send the body as it is: Content-Encoding is not supported."

# A page may send these to anybody without asking (Fetch's safelist; `ping` of a link; reports of its policies).
UNASKED = (
    *(b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain", b""),
    *(b"text/ping", b"application/csp-report"),
)
CURL_SENDS = (b"application/x-www-form-urlencoded", b"")  # where nobody told it what it sends
# Some browser of some age leaves out one or the other of these, none all of them; and no page can take any away.
SHOWN_BY_BROWSERS = (b"origin", b"referer", b"cookie", b"accept-language")
BROWSERS = (b"mozilla/", b"opera/")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")


class Guard:
    """`hosts`: names without port. `origins`: what CORS allows, e.g. `http://localhost:3000`, or `*`. `readable` makes
    an answer one that a page of an allowed origin may read."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        origins: tuple[str, ...],
        readable: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)
        self._readable = readable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refuse(scope) if scope["type"] == "http" else None
        if refused is None:
            return await self._app(scope, receive, send)
        answer: ASGIApp = error_response(refused, scope)
        if self._readable is not None and scope["method"] != "OPTIONS":  # a refused preflight allows nothing
            answer = self._readable(answer)
        await answer(scope, receive, send)

    def _refuse(self, scope: Scope) -> ApiError | None:
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            return Malformed("The request has more than one Host header.")
        host = header(scope, b"host").decode("latin-1")
        if not self._is_ours(host, scope):
            return Forbidden(
                f"This server does not answer for host {(host_name(host) or host)[:100]!r}; "
                "add it to SLUICE_ALLOWED_HOSTS.",
                "host_not_allowed",
            )
        if self._foreign(scope, host) or _old_browsers_form(scope):
            return Forbidden(
                "Another website's page may not use this server; add its origin to CORS_ALLOW_ORIGINS.",
                "origin_not_allowed",
            )
        return _unreadable(scope)

    def _is_ours(self, host: str, scope: Scope) -> bool:
        name = host_name(host)
        if name is None:
            return False
        return "*" in self._hosts or name in self._hosts or name.endswith(NOBODYS) or name == _address(scope)

    def _foreign(self, scope: Scope, host: str) -> bool:
        origin = header(scope, b"origin").decode("latin-1")
        if origin and (origin in self._origins or "*" in self._origins):
            return False
        if origin and origin not in (f"http://{host}", f"https://{host}"):
            return True
        site = header(scope, b"sec-fetch-site")
        followed_link = scope["method"] == "GET" and header(scope, b"sec-fetch-mode") == b"navigate"
        return site in (b"cross-site", b"same-site") and not followed_link


def host_name(host: str) -> str | None:
    """`[::1]:8000` → `::1`, `localhost:8000` → `localhost`; None for what is no host."""
    parts = HOST.fullmatch(host)
    return (parts[1] or parts[2].lower()) if parts else None


def _address(scope: Scope) -> str | None:
    """The address of ours that this connection came to; None where the server does not tell, or it is a socket file."""
    server = scope.get("server")
    return str(server[0]) if server and server[1] is not None else None


def _old_browsers_form(scope: Scope) -> bool:
    """Whether this may be a foreign page's form in a browser that names no origin: one with a file, or with nothing in
    it, which no type of a body gives away. No form can send `Authorization`, which clients of OpenAI's API always do.
    """
    if scope["method"] not in CHANGING or (has_body(scope) and not is_upload(scope)):
        return False
    if header(scope, b"origin") or header(scope, b"sec-fetch-site"):
        return False  # whose page it is has been checked
    if header(scope, b"authorization")[:7].lower() == b"bearer ":
        return False
    # Not by Accept-Language: programs' HTTP libraries send it, too.
    return bool(header(scope, b"referer") or header(scope, b"cookie")) or _calls_itself_browser(scope)


def _unreadable(scope: Scope) -> ApiError | None:
    if scope["method"] not in WITH_BODY or not has_body(scope):
        return None
    if header(scope, b"content-encoding").strip().lower() not in (b"", b"identity"):
        return WrongMediaType(PLAIN_WANTED, "encoded_body", {"Accept-Encoding": "identity"})
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
    if kind not in UNASKED:
        return None
    if is_upload(scope):
        return None if kind == b"multipart/form-data" else WrongMediaType(FORM_WANTED)
    by_curl = kind in CURL_SENDS and spoken(scope).bare_forms and not _is_browser(scope)
    return None if by_curl else WrongMediaType(JSON_WANTED)


def _is_browser(scope: Scope) -> bool:
    """Whether a request shows any sign of one. What is none may show them, too: then it says what it sends, as ever."""
    names = [name for name, _ in scope["headers"]]
    said = any(name in SHOWN_BY_BROWSERS or name.startswith(b"sec-") for name in names)
    return said or _calls_itself_browser(scope)


def _calls_itself_browser(scope: Scope) -> bool:
    return header(scope, b"user-agent").lower().startswith(BROWSERS)
