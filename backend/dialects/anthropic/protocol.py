"""Anthropic's protocol, as the entrance and the app see it."""

from __future__ import annotations

from backend.dialects.anthropic.endpoints import models_router, router
from backend.dialects.anthropic.errors import refusal
from backend.dialects.anthropic.models import MARK
from backend.entrance.protocols import ClientProtocol

ANTHROPIC = ClientProtocol(
    name="anthropic",
    prefixes=("/v1/messages",),
    refuse=refusal,
    routers=(router, models_router),
    doors=("anthropic.messages", "anthropic.count_tokens"),
    mark=MARK,
    shared=("/v1/models",),
    id_headers=(b"request-id",),
)
