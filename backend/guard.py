"""A server on loopback is not open to any website: whose page may speak to it is checked before anything else.

- `Host` must be a name this server knows: a site that rebinds its own name to 127.0.0.1 sends its own. The address that
  the connection came to is no name, so nobody can rebind it: a cluster asks its pods by it.
- `Origin`, and what a browser says in `Sec-Fetch-Site`, must be this server or an allowed origin. Following a link
  here (a navigation by GET) stays possible.
- A body must come as `application/json`: what a foreign form can send without asking is not. A file may come as a
  form; there the two above are what keeps foreign pages out. What Ollama's own examples send by curl, JSON that calls
  itself a form, is taken on Ollama's paths from what shows no sign of a browser (docs/decisions/dialects-ollama.md).
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.body import is_upload
from backend.context import header
from backend.dialects.ollama import PATHS
from backend.errors import ApiError, Forbidden, WrongMediaType
from backend.refusal import error_response

FORM_WANTED = "Send the file as a form, with the header 'Content-Type: multipart/form-data'."

CURL_SENDS = (b"application/x-www-form-urlencoded", b"")  # where nobody told it what it sends
# Some browser of some age leaves out one or the other of these, none all of them; and no page can take any away.
SHOWN_BY_BROWSERS = (b"origin", b"referer", b"cookie", b"accept-language")
BROWSERS = (b"mozilla/", b"opera/")


class Guard:
    """`hosts`: names without port. `origins`: what CORS allows, e.g. `http://localhost:3000`, or `*`."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], origins: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refuse(scope) if scope["type"] == "http" else None
        if refused is not None:
            return await error_response(refused, scope["path"])(scope, receive, send)
        await self._app(scope, receive, send)

    def _refuse(self, scope: Scope) -> ApiError | None:
        host = header(scope, b"host").decode("latin-1")
        if "*" not in self._hosts and host_name(host) not in self._hosts and host_name(host) != _address(scope):
            return Forbidden(
                f"This server does not answer for host {host_name(host)[:100]!r}; add it to SLUICE_ALLOWED_HOSTS.",
                "host_not_allowed",
            )
        if self._foreign(scope, host):
            return Forbidden(
                "Another website's page may not use this server; add its origin to CORS_ALLOW_ORIGINS.",
                "origin_not_allowed",
            )
        return _not_json(scope)

    def _foreign(self, scope: Scope, host: str) -> bool:
        origin = header(scope, b"origin").decode("latin-1")
        if origin and (origin in self._origins or "*" in self._origins):
            return False
        if origin and origin not in (f"http://{host}", f"https://{host}"):
            return True
        site = header(scope, b"sec-fetch-site")
        followed_link = scope["method"] == "GET" and header(scope, b"sec-fetch-mode") == b"navigate"
        return site in (b"cross-site", b"same-site") and not followed_link


def host_name(host: str) -> str:
    """`[::1]:8000` → `::1`, `localhost:8000` → `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _address(scope: Scope) -> str | None:
    """The address of ours that this connection came to; None where the server does not tell, or it is a socket file."""
    server = scope.get("server")
    return str(server[0]) if server and server[1] is not None else None


def _not_json(scope: Scope) -> ApiError | None:
    if scope["method"] not in ("POST", "PUT", "PATCH"):
        return None
    empty = header(scope, b"content-length") in (b"", b"0") and not header(scope, b"transfer-encoding")
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
    if empty or kind == b"application/json" or kind.endswith(b"+json"):
        return None
    if is_upload(scope):
        return None if kind == b"multipart/form-data" else WrongMediaType(FORM_WANTED)
    if kind in CURL_SENDS and _is_ollama(scope) and not _is_browser(scope):
        return None
    return WrongMediaType("Send the body as JSON, with the header 'Content-Type: application/json'.")


def _is_ollama(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")).startswith(PATHS)


def _is_browser(scope: Scope) -> bool:
    """Whether a request shows any sign of one. What is none may show them, too: then it says what it sends, as ever."""
    names = [name for name, _ in scope["headers"]]
    said = any(name in SHOWN_BY_BROWSERS or name.startswith(b"sec-") for name in names)
    return said or header(scope, b"user-agent").lower().startswith(BROWSERS)
