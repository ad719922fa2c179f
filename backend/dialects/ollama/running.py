"""`GET /` and `HEAD /`: Ollama's sign of life, for callers that want no page.

Ollama's command line sends `HEAD /` before anything else, and many tools look for its sentence. A browser wants HTML
and gets the page, which is the next route.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from backend.accounts.needs import Need
from backend.entrance.context import header
from backend.entrance.guard import BROWSERS

SENTENCE = "Ollama is running"  # to the letter: it is what tools compare
PAGES = (b"text/html", b"application/xhtml")


def _takes_a_page(scope: Scope) -> bool:
    """A browser's script, too: the page's own script requests `/` with `*/*` before it goes there without a reload."""
    accepted = header(scope, b"accept").lower()
    browser = header(scope, b"user-agent").lower().startswith(BROWSERS)
    return browser or any(kind in accepted for kind in PAGES)


class RunningRoute(BaseRoute):
    """Takes the root from callers that are no browser and whose `Accept` names no page."""

    need: Need = "public"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return Match.NONE, {}
        root = scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
        return (Match.FULL if root and not _takes_a_page(scope) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = PlainTextResponse(SENTENCE, headers={"Vary": "Accept, User-Agent", "Cache-Control": "no-store"})
        await answer(scope, receive, send)
