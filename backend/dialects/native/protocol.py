"""Sluice's own protocol, as the entrance and the app see it."""

from __future__ import annotations

from backend.dialects.native.endpoints import local_router, router
from backend.dialects.native.models import router as models_router
from backend.entrance.protocols import ClientProtocol, our_refusal

NATIVE = ClientProtocol(
    name="native",
    prefixes=("/api/jobs", "/api/models", "/api/v1/local-llm"),
    refuse=our_refusal,
    routers=(router, models_router, local_router),
    doors=("local_llm.generate",),
)
