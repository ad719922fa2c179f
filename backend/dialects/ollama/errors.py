"""Ollama's error: `{"error": "a sentence"}`; `code` and `request_id` are ours."""

from __future__ import annotations

from backend.entrance.protocols import Refusal
from backend.errors import ApiError

# Ollama answers 400 to whatever is wrong with a request. A 409 would make some clients send a cancelled job again.
STATUSES = {"context_too_long": 400, "cancelled": 499}


def refusal(error: ApiError, request_id: str) -> Refusal:
    status = STATUSES.get(error.code, 400 if error.status == 422 else error.status)
    return Refusal(status, {"error": error.message, "code": error.code, "request_id": request_id})
