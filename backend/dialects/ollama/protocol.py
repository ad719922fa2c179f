"""Ollama's protocol, as the entrance and the app see it."""

from __future__ import annotations

from backend.dialects.ollama.endpoints import router
from backend.dialects.ollama.errors import refusal
from backend.dialects.ollama.running import RunningRoute
from backend.entrance.protocols import ClientProtocol

# None of our own paths begins like one of these. `/api/embed` begins `/api/embeddings` too.
OPEN = ("chat", "generate", "embed", "tags", "show", "ps", "version")
CLOSED = ("create", "copy", "delete", "push", "pull", "blobs/")

OLLAMA = ClientProtocol(
    name="ollama",
    prefixes=tuple(f"/api/{name}" for name in (*OPEN, *CLOSED)),
    refuse=refusal,
    routers=(router,),
    routes=(RunningRoute(),),
    doors=("ollama.chat", "native.chat", "ollama.generate", "ollama.embed", "ollama.embeddings"),
    number_paths=("/api/embed", "/api/generate"),  # `/api/generate`: the context that Ollama gave back
    bare_forms=True,
)
