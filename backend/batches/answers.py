"""The lines of a batch's output and error files, as OpenAI writes them."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from backend.dialects.common.tools import hex_of
from backend.dialects.openai.errors import refusal
from backend.errors import ApiError
from backend.ids import BatchId
from wire.ids import JobId

GIVEN_UP = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
}


def batch_uuid(batch: BatchId) -> uuid.UUID:
    """The UUID in a batch's id, `batch_<32 hexadecimal digits>`."""
    return uuid.UUID(batch.removeprefix("batch_"))


def job_of(batch: BatchId, line: int) -> JobId:
    """The id of the line's job: it is the same for every process that submits the line, however often."""
    return JobId(str(uuid.uuid5(batch_uuid(batch), str(line))))


def answered(batch: BatchId, line: int, custom_id: str | None, body: dict[str, Any]) -> str:
    return _text(batch, line, custom_id, 200, body)


def refused(batch: BatchId, line: int, custom_id: str | None, error: ApiError) -> str:
    """A request that failed, with the error that its own route would have sent."""
    sent = refusal(error, hex_of(job_of(batch, line)))
    return _text(batch, line, custom_id, sent.status, sent.body)


def given_up(batch: BatchId, line: int, custom_id: str | None, why: str) -> str:
    """A request that was never answered; `why`: expired or cancelled."""
    code, message = GIVEN_UP[why]
    about = {"id": request_id(batch, line), "custom_id": custom_id}
    return orjson.dumps({**about, "response": None, "error": {"code": code, "message": message}}).decode()


def _text(batch: BatchId, line: int, custom_id: str | None, status: int, body: dict[str, Any]) -> str:
    response = {"status_code": status, "request_id": hex_of(job_of(batch, line)), "body": body}
    about = {"id": request_id(batch, line), "custom_id": custom_id}
    return orjson.dumps({**about, "response": response, "error": None}).decode()


def request_id(batch: BatchId, line: int) -> str:
    return f"batch_req_{hex_of(job_of(batch, line))}"
