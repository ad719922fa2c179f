"""One attack, and how its success is noticed."""

from __future__ import annotations

from typing import Literal, NamedTuple

Place = Literal["answer", "user_message", "title", "model_name"]


class Marks(NamedTuple):
    """What an attack does when it succeeds, so that a test can see it."""

    script: str = "window.__xss=1"
    """Run in the page: no quotes and no angle brackets, so that it fits anywhere."""
    host: str = "http://127.0.0.1:9"
    """The host that `/leak…` is requested from, without a slash at its end. By default a port where nothing listens."""


class Payload(NamedTuple):
    id: str
    """Stable as long as the templates are: `<kind>-<number>`."""
    kind: str
    place: Place
    text: str
