"""Anthropic's error: `{"type": "error", "error": {"type", "message"}, "request_id"}`; the `code` in it is ours."""

from __future__ import annotations

from backend.entrance.protocols import Refusal
from backend.errors import ApiError

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# A full queue is a 429 with Retry-After and no 529: Anthropic's clients send both again, and heed Retry-After of a 429
# alone.
# A cancelled job is no 409, which these clients would send again, too.
STATUSES = {"context_too_long": 400, "cancelled": 499}


def refusal(error: ApiError, request_id: str) -> Refusal:
    status = STATUSES.get(error.code, 400 if error.status == 422 else error.status)
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    described = {"type": kind, "message": error.message, "code": error.code}
    return Refusal(status, {"type": "error", "error": described, "request_id": request_id})
