"""A slash at the end of an API's path means nothing: `/v1/models/` and `/v1/models` are one path.

A request for such a path is answered, not redirected: a redirect names a scheme and a host, which behind a proxy are
not the client's, and many clients send no body after a redirect.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.protocols import own_path, spoken


class TrailingSlashes:
    """Middleware that cuts these slashes off before anything else reads the path. The page's own paths keep theirs.

    `api`: the first parts of the API's paths.
    """

    def __init__(self, app: ASGIApp, api: frozenset[str]) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, pages = own_path(scope), spoken(scope).pages
            if path in pages:
                return await RedirectResponse(scope["path"] + "/")(scope, receive, send)
            if scope["path"].endswith("/") and not path.startswith(pages) and first_part(path) in self._api:
                scope["path"] = scope["path"].rstrip("/")
        await self._app(scope, receive, send)


def first_part(path: str) -> str:
    """The first part of a path: `/v1/models` → `v1`."""
    return path.lstrip("/").partition("/")[0]
