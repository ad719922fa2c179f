"""Answers from the table of files. The last route of the app: whatever the API knows comes first.

A path that belongs to the API never falls through to the page: a wrong path is answered as JSON, as all its errors are.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from backend.accounts.needs import Need
from backend.entrance.context import header
from backend.entrance.slashes import first_part
from backend.site.files import ENCODINGS, Headers, Site, SiteFile

READS = ("GET", "HEAD")


class SiteRoute(BaseRoute):
    """The route of the page: it takes the paths that the page has, and lost people whose browser wants a page.

    `api`: the first parts of the API's paths, on which no page is served.
    """

    need: Need = "public"

    def __init__(self, site: Site, api: frozenset[str] = frozenset()) -> None:
        self._site = site
        self._api = api

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path, reads = _path(scope), scope["method"] in READS
        if path in self._site.files or path in self._site.folders:
            return (Match.FULL if reads else Match.PARTIAL), {}
        return (Match.FULL if reads and self._lost(scope, path) else Match.NONE), {}

    def _lost(self, scope: Scope, path: str) -> bool:
        """Whether a person's browser asks for an unknown path."""
        ours = self._site.not_found is not None and first_part(path) not in self._api
        return ours and b"text/html" in header(scope, b"accept")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in READS:
            raise HTTPException(405, "The page is only read.", {"Allow": ", ".join(READS)})
        path = _path(scope)
        if path in self._site.folders:
            return await _redirect(scope, send, path + "/")
        file = self._site.files.get(path)
        if file is not None:
            return await _send_file(scope, send, file)
        assert self._site.not_found is not None  # noqa: S101 - else it had not matched
        await _send_body(scope, send, 404, self._site.not_found)


def _path(scope: Scope) -> str:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path if path.startswith("/") else "/" + path


async def _redirect(scope: Scope, send: Send, path: str) -> None:
    """To one of our own paths, never to what the caller sent; its query comes along."""
    query = scope.get("query_string", b"")
    place = scope.get("root_path", "").encode() + path.encode() + (b"?" + query if query else b"")
    await _start(send, 307, ((b"location", place), (b"content-length", b"0")))
    await send({"type": "http.response.body", "body": b""})


async def _send_file(scope: Scope, send: Send, file: SiteFile) -> None:
    if _has_it(header(scope, b"if-none-match"), file.etag):
        await _start(send, 304, file.headers)
        return await send({"type": "http.response.body", "body": b""})
    await _send_body(scope, send, 200, file)


async def _send_body(scope: Scope, send: Send, status: int, file: SiteFile) -> None:
    encoding = best_encoding(header(scope, b"accept-encoding").decode("latin-1"), file)
    body = file.bodies[encoding]
    encoded = ((b"content-encoding", encoding.encode()),) if encoding else ()
    await _start(send, status, (*file.headers, *encoded, (b"content-length", b"%d" % len(body))))
    await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


def best_encoding(accepted: str, file: SiteFile) -> str:
    """The smallest form that the client takes; `""`: the plain one. `accepted`: its Accept-Encoding."""
    offers = [offer.replace(" ", "").lower().partition(";q=") for offer in accepted.split(",")]
    taken = {name for name, _, weight in offers if weight.rstrip("0.") or not weight}
    return next((encoding for encoding in ENCODINGS if encoding in taken and encoding in file.bodies), "")


def _has_it(if_none_match: bytes, etag: bytes) -> bool:
    known = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return etag.removeprefix(b"W/") in known or b"*" in known
