"""OpenAI's error: `{"error": {"message", "type", "param", "code"}}`, and in it the `request_id` that the log has.

| here | there |
| --- | --- |
| 422, 413 of a context | 400 `invalid_request_error`; a context's code is `context_length_exceeded` |
| 401, 403, 429 | the same, `authentication_error`, `permission_error`, `rate_limit_error` |
| 400, 404, 413, 415 | the same, `invalid_request_error`; a model's code is `model_not_found`, its param `model` |
| a job that was cancelled | 499: its clients repeat a request that got a 409, and this job was ended on purpose |
| 5xx | the same, `server_error` |
"""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from backend.dialects.common.reading import without_nulls
from backend.entrance.context import request_id
from backend.entrance.protocols import Refusal
from backend.errors import ApiError, Invalid, explain

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
STATUSES = {"context_too_long": 400, "cancelled": 499}
CODES = {"context_too_long": "context_length_exceeded"}


Model = TypeVar("Model", bound=BaseModel)


class BadParameter(Invalid):
    """A mistake in a request. `param` is its place: `messages[0].role`."""

    def __init__(self, param: str, message: str, code: str | None = None) -> None:
        super().__init__(message, code)
        self.param = param


class NotOffered(BadParameter):
    """A wish that OpenAI's API fulfils and no engine here can: to ignore the wish would be a lie."""

    status = 400
    code = "unsupported"


def refusal(error: ApiError, request_id: str) -> Refusal:
    status = status_of(error)
    described = {
        "message": error.message,
        "type": type_of(status),
        "param": param_of(error),
        "code": CODES.get(error.code, error.code),
        "request_id": request_id,
    }
    return Refusal(status, {"error": described})


def param_of(error: ApiError) -> str | None:
    if isinstance(error, BadParameter):
        return error.param or None
    return "model" if error.code == "model_not_found" else None


def status_of(error: ApiError) -> int:
    return STATUSES.get(error.code, 400 if error.status == 422 else error.status)


def type_of(status: int) -> str:
    return TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def error_frame(error: ApiError) -> bytes:
    """An error in a stream: the last thing in it, without `[DONE]`; official clients raise at it."""
    return b"data: %b\n\n" % orjson.dumps(refusal(error, request_id()).body)


def read_as(model: type[Model], body: dict[str, Any]) -> Model:
    """The body as this model. Raises BadParameter which names the first few mistakes."""
    try:
        return model.model_validate(without_nulls(body), strict=True)
    except ValidationError as error:
        problems = list(error.errors(include_url=False, include_input=False))
        raise BadParameter(place(problems[0]["loc"]), explain(problems)) from None


def place(path: tuple[int | str, ...]) -> str:
    """`("messages", 0, "role")` → `messages[0].role`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
