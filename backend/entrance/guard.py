"""A server on loopback is not open to every website: the guard checks whose page sends a request before anything else.

- `Host` must be a name that this server knows: a website that rebinds its own name to 127.0.0.1 sends that name. The
  address that the connection came to is no name, so no website can rebind it; a cluster reaches its pods by address.
  Names that have no owner on the internet need not be known (docs/decisions/dialects-ollama.md).
- `Origin`, and what a browser writes into `Sec-Fetch-Site`, must be this server or an allowed origin. Following a link
  here (a navigation by GET) stays possible.
- A body must not be of a type in which a page may send a body without a preflight: a form's type, or none. A body of
  any other type is read as JSON, whatever the type is called. A file may come as a form, and some requests have no
  body: there the two checks above keep foreign pages out, and a form is refused if its browser sends neither header.
  Ollama's own examples send JSON by curl, which calls it a form: on Ollama's paths such a body is taken from a client
  that shows no sign of being a browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.context import has_body, header
from backend.entrance.protocols import is_upload, spoken
from backend.entrance.refusal import error_response
from backend.errors import ApiError, Forbidden, Malformed, WrongMediaType

# A name or an address, and a port: `localhost:8000@evil.example` does not match, though it begins like a host.
HOST = re.compile(r"(?:\[([0-9A-Za-z:.%_-]+)\]|([A-Za-z0-9._-]+))(?::[0-9]*)?")
# `.localhost` is every machine's own (RFC 6761), `.local` is the link's (RFC 6762), `.internal` is never delegated
# (ICANN, 2024): no website can have such a name, so no such name can be rebound to us. Ollama allows the same names.
UNOWNED = (".localhost", ".local", ".internal")

JSON_WANTED = "Send the body as JSON, with the header 'Content-Type: application/json'."
FORM_WANTED = "Send the file as a form, with the header 'Content-Type: multipart/form-data'."
PLAIN_WANTED = "Send the body as it is: Content-Encoding is not supported."

# A page may send these types anywhere without a preflight (Fetch's safelist; `ping` of a link; reports of policies).
WITHOUT_PREFLIGHT = (
    *(b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain", b""),
    *(b"text/ping", b"application/csp-report"),
)
CURL_SENDS = (b"application/x-www-form-urlencoded", b"")  # where its user names no type
# An old browser may leave out some of these headers; no browser leaves out all, and no page can remove any of them.
SHOWN_BY_BROWSERS = (b"origin", b"referer", b"cookie", b"accept-language")
BROWSERS = (b"mozilla/", b"opera/")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")


class Guard:
    """Middleware that refuses the requests of foreign pages.

    `hosts`: names without port. `origins`: what CORS allows, e.g. `http://localhost:3000`, or `*`. `readable` wraps an
    answer so that a page of an allowed origin may read it.
    """

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
        return "*" in self._hosts or name in self._hosts or name.endswith(UNOWNED) or name == _address(scope)

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
    """A host without its port: `[::1]:8000` → `::1`, `localhost:8000` → `localhost`; None for what is no host."""
    parts = HOST.fullmatch(host)
    return (parts[1] or parts[2].lower()) if parts else None


def _address(scope: Scope) -> str | None:
    """Our address that this connection came to; None where the server does not know it, or it is a socket file."""
    server = scope.get("server")
    return str(server[0]) if server and server[1] is not None else None


def _old_browsers_form(scope: Scope) -> bool:
    """Whether this may be a foreign page's form, sent by a browser that names no origin. Such a form has a file or no
    body at all, so that no type of a body shows what it is. No form can send `Authorization`, which clients of OpenAI's
    API always send.
    """
    if scope["method"] not in CHANGING or (has_body(scope) and not is_upload(scope)):
        return False
    if header(scope, b"origin") or header(scope, b"sec-fetch-site"):
        return False  # `_foreign` has checked whose page it is
    if header(scope, b"authorization")[:7].lower() == b"bearer ":
        return False
    # Accept-Language is no sign here: programs' HTTP libraries send it, too.
    return bool(header(scope, b"referer") or header(scope, b"cookie")) or _calls_itself_browser(scope)


def _unreadable(scope: Scope) -> ApiError | None:
    if scope["method"] not in WITH_BODY or not has_body(scope):
        return None
    if header(scope, b"content-encoding").strip().lower() not in (b"", b"identity"):
        return WrongMediaType(PLAIN_WANTED, "encoded_body", {"Accept-Encoding": "identity"})
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
    if kind not in WITHOUT_PREFLIGHT:
        return None
    if is_upload(scope):
        return None if kind == b"multipart/form-data" else WrongMediaType(FORM_WANTED)
    by_curl = kind in CURL_SENDS and spoken(scope).bare_forms and not _is_browser(scope)
    return None if by_curl else WrongMediaType(JSON_WANTED)


def _is_browser(scope: Scope) -> bool:
    """Whether a request shows any sign of a browser. A program may show such signs, too; then it has to name the type
    of what it sends, as usual."""
    names = [name for name, _ in scope["headers"]]
    shown = any(name in SHOWN_BY_BROWSERS or name.startswith(b"sec-") for name in names)
    return shown or _calls_itself_browser(scope)


def _calls_itself_browser(scope: Scope) -> bool:
    return header(scope, b"user-agent").lower().startswith(BROWSERS)
