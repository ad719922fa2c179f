"""Anthropic's `/v1/models`: pages of models, each with a name to show. Other clients get OpenAI's list there, which is
why these routes take only requests of Anthropic's clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import Match
from starlette.types import Scope

from backend.dialects.common.models import About
from backend.dialects.common.reading import read_as
from backend.entrance.context import header
from backend.errors import NotFound

MARK = b"anthropic-version"  # a header that only Anthropic's clients send
DIGITS = 4  # of the greatest limit
UNKNOWN_TIME = "1970-01-01T00:00:00Z"  # Anthropic's own value for a release that is not known


class MarkedRoute(APIRoute):
    """A route that takes only requests of Anthropic's clients."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if header(scope, MARK) else (Match.NONE, {})


class Page(BaseModel):
    """The query of `GET /v1/models`: `limit` models behind `after_id`, or those before `before_id`."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=1_000)] = 20
    after_id: str | None = None
    before_id: str | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Page:
        """Raises Invalid."""
        limit = query.get("limit", "")
        return read_as(
            cls, {**query, "limit": int(limit) if limit.isdecimal() and len(limit) <= DIGITS else limit or None}
        )


def listed(models: Mapping[str, About], page: Page) -> dict[str, Any]:
    """`models` in the order that they have. Raises NotFound for a cursor that is no model."""
    ids = list(models)
    if page.before_id is not None:
        left = ids[: _place(page.before_id, ids)]
        shown = left[-page.limit :]
    else:
        left = ids[_place(page.after_id, ids) + 1 :] if page.after_id is not None else ids
        shown = left[: page.limit]
    return {
        "data": [described(id, models[id]) for id in shown],
        "has_more": len(left) > len(shown),
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def described(id: str, about: About) -> dict[str, Any]:
    return {
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": UNKNOWN_TIME,
        "lifecycle": "active",
        "max_input_tokens": int(about.get("context_length") or 0) or None,
    }


def _place(id: str, ids: list[str]) -> int:
    if id not in ids:
        raise NotFound(f"There is no model {id[:200]!r} to list others from.", "model_not_found")
    return ids.index(id)
