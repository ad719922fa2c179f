"""A slash at the end of an API's path means nothing: `/v1/models/` is `/v1/models`.

It is served, not redirected: a redirect names a scheme and a host, which behind a proxy are not the client's, and many
clients send no body after one.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.site.headers import API

KEEPS_ITS_SLASH = "/playground/"  # LangServe's page, whose links are relative to it


class TrailingSlashes:
    """Cuts them off before anything else looks at the path. The page's own paths keep theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = plain(scope["path"], scope.get("root_path", ""))
        await self._app(scope, receive, send)


def plain(path: str, root: str = "") -> str:
    """The path without slashes at its end, if it is one of the API's. `root`: what a proxy put in front of it."""
    own = path.removeprefix(root)
    is_api = own.lstrip("/").partition("/")[0] in API
    return path.rstrip("/") if is_api and not own.endswith(KEEPS_ITS_SLASH) else path
