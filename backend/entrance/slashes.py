"""A slash at the end of an API's path means nothing: `/v1/models/` is `/v1/models`.

It is served, not redirected: a redirect names a scheme and a host, which behind a proxy are not the client's, and many
clients send no body after one.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.headers import API

PLAYGROUND = "/api/lc/chat/playground"  # LangServe's page, whose links are relative to it: it needs its slash


class TrailingSlashes:
    """Cuts them off before anything else looks at the path. The page's own paths keep theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            if scope["path"] == root + PLAYGROUND:
                return await RedirectResponse(scope["path"] + "/")(scope, receive, send)
            scope["path"] = plain(scope["path"], root)
        await self._app(scope, receive, send)


def plain(path: str, root: str = "") -> str:
    """The path without slashes at its end, if it is one of the API's. `root`: what a proxy put in front of it."""
    if not path.endswith("/"):
        return path
    own = path.removeprefix(root)
    is_api = own.lstrip("/").partition("/")[0] in API
    return path.rstrip("/") if is_api and not own.startswith(PLAYGROUND) else path
