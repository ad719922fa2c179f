"""OpenAI's Responses protocol, as the entrance and the app see it."""

from __future__ import annotations

from backend.dialects.openai.errors import refusal
from backend.dialects.responses.endpoints import router
from backend.entrance.protocols import ClientProtocol

RESPONSES = ClientProtocol(
    name="responses",
    prefixes=("/v1/responses",),
    refuse=refusal,
    routers=(router,),
    doors=("openai.responses", "openai.input_tokens"),
)
