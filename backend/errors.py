"""The errors that a caller can make or meet: one tree, the only one with status codes.

    ApiError
    ├── Unsupported          400  the model cannot do what is requested
    ├── Malformed            400  a head that HTTP does not allow
    ├── Forbidden            403  host, origin
    ├── NotFound             404  a job, a model, a path; foreign ids too
    ├── Conflict             409  the event log does not hold the event that is named; an id that is taken
    ├── TooLarge             413  the body, or the prompt
    ├── WrongMediaType       415  a body that a form may have sent, or that is encoded
    ├── Invalid              422  a field, a header or a parameter is wrong
    ├── QueueFull            429  with Retry-After
    ├── NotInstalled         501  the route needs a package that this server does not have
    ├── Unavailable          503  Redis or SQL is away, or this process is starting or draining
    └── JobFailed            by the failure's code: 400, 404, 413, 422, 503, 504, else 500

The protocol of a request says in which shape its client gets an error: see `backend.entrance.refusal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi.exceptions import RequestValidationError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError
from starlette.exceptions import HTTPException

from backend.store.database import DatabaseAway
from wire.ids import JobId
from wire.link import LinkLost
from wire.reader import JobLost


class ApiError(Exception):
    """An error that its caller gets as an answer. `message` names what to do next. `headers` are sent with the
    answer."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.headers = headers or {}


class Unsupported(ApiError):
    status = 400
    code = "unsupported"


class Malformed(ApiError):
    status = 400
    code = "malformed_request"


class Forbidden(ApiError):
    status = 403
    code = "forbidden"


class NotFound(ApiError):
    status = 404
    code = "not_found"


class Conflict(ApiError):
    status = 409
    code = "conflict"


class TooLarge(ApiError):
    status = 413
    code = "too_large"


class WrongMediaType(ApiError):
    status = 415
    code = "wrong_media_type"


class Invalid(ApiError):
    status = 422
    code = "invalid_request"


class QueueFull(ApiError):
    status = 429
    code = "queue_full"


class NotInstalled(ApiError):
    status = 501
    code = "not_installed"


class Unavailable(ApiError):
    status = 503
    code = "unavailable"


class JobFailed(ApiError):
    """The error of a job that ended without an answer, for a caller who waited for the whole answer."""

    STATUS = {  # noqa: RUF012 - a table, not state
        "model_not_found": 404,
        "context_too_long": 413,
        "engine_refused": 422,
        "unsupported": 400,
        "deadline": 504,
        "engine_silent": 504,
        "worker_lost": 503,
        "never_started": 503,
        "out_of_memory": 503,
        "engine_unavailable": 503,
        "engine_failed": 502,
        "engine_denied": 502,
        "answer_too_large": 502,
        "cancelled": 409,
    }

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code)
        self.status = self.STATUS.get(code, 500)

    @classmethod
    def of(cls, end: dict[str, Any]) -> JobFailed:
        """The error that the fields of a terminal event `failed` or `cancelled` describe."""
        if end.get("type") == "cancelled":
            return cls("cancelled", "The job was cancelled before it ended.")
        return cls(end.get("code", "failed"), end.get("message", "The job failed."))


def job_not_found(job: JobId) -> NotFound:
    return NotFound(f"There is no job {job[:64]!r}: ids are kept for a day after a job's end.", "job_not_found")


def redis_away() -> Unavailable:
    return Unavailable(
        "The queue does not answer just now; nothing was enqueued. Try again in a moment.",
        "queue_unavailable",
        {"Retry-After": "1"},
    )


def queue_refuses(error: Exception) -> Unavailable | None:
    """The refusal of a Redis that answers but takes no job: its memory is full, or it cannot write its file. None for
    any other error."""
    if isinstance(error, OutOfMemoryError):
        return Unavailable("The queue's memory is full; try again later.", "queue_out_of_memory", {"Retry-After": "5"})
    if isinstance(error, ReadOnlyError) or str(error).startswith("MISCONF"):
        message = "The queue cannot write to its disk, so it takes nothing in; nothing was enqueued. Try again later."
        return Unavailable(message, "queue_read_only", {"Retry-After": "5"})
    return None


def history_away() -> Unavailable:
    return Unavailable(
        "The history does not answer just now; nothing was written or enqueued. Try again in a moment.",
        "history_unavailable",
        {"Retry-After": "1"},
    )


def interrupted() -> Unavailable:
    """The error of an attempt that was lost after some of its text was sent, in a protocol that cannot take text
    back."""
    return Unavailable("The answer was interrupted and begins anew; send the request again.", "interrupted")


def as_api_error(error: Exception) -> ApiError:
    """Any exception as an error of the tree. An unforeseen exception becomes a 500 that shows only its request id."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RedisError | LinkLost | TimeoutError):
        return queue_refuses(error) or redis_away()
    if isinstance(error, DatabaseAway):
        return history_away()
    if isinstance(error, JobLost):
        return Conflict("Redis has lost this job; send the request again.", "job_lost")
    if isinstance(error, RequestValidationError):
        return Invalid(explain(list(error.errors())))
    if isinstance(error, HTTPException):
        return _of_status(error)
    return ApiError("Something failed here that was not foreseen; the log has it under this request id.")


@contextmanager
def refused_with(headers: Mapping[str, str]) -> Iterator[None]:
    """Inside the block, the error of a job that is let in gets the headers that the job's answer would have had."""
    try:
        yield
    except (ApiError, JobLost) as error:
        refusal = as_api_error(error)
        refusal.headers = {**headers, **refusal.headers}
        if refusal is error:
            raise
        raise refusal from error


def _of_status(error: HTTPException) -> ApiError:
    known = {cls.status: cls for cls in (Forbidden, NotFound, Conflict, TooLarge, WrongMediaType, Invalid, Unavailable)}
    mapped = known.get(error.status_code, ApiError)(str(error.detail), headers=dict(error.headers or {}))
    mapped.status = error.status_code
    if error.status_code == 405:
        mapped.code = "method_not_allowed"
    return mapped


def explain(problems: list[Any]) -> str:
    """The first three problems that pydantic found, one sentence each: where, what. Never the value, which may be a
    prompt."""
    sentences = []
    for problem in problems[:3]:
        if isinstance(problem, dict):
            where = ".".join(str(part) for part in problem.get("loc", ()) if part not in ("body", "__root__"))
            sentences.append(f"{where}: {problem.get('msg', 'wrong')}" if where else str(problem.get("msg", "wrong")))
        else:
            sentences.append(str(problem))
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return "; ".join(sentences) + more
