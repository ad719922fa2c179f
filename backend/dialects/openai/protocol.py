"""OpenAI's protocol, as the entrance and the app see it. Its files and batches are rooms of their own."""

from __future__ import annotations

from backend.dialects.openai.embeddings import EMBEDDINGS_PATH
from backend.dialects.openai.endpoints import router
from backend.dialects.openai.errors import refusal
from backend.entrance.protocols import ClientProtocol

OPENAI = ClientProtocol(
    name="openai",
    prefixes=("/v1/",),
    refuse=refusal,
    routers=(router,),
    doors=("openai.chat", "openai.completions", "openai.embeddings"),
    number_paths=(EMBEDDINGS_PATH,),
    upload_paths=("/v1/files",),
)
