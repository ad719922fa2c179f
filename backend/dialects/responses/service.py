"""Responses that are there: found by their id, continued by the next one, told again, cancelled, forgotten.

A response is a job. What was asked lies in its record, what was answered in its log, both for a day after its end.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import NamedTuple

from backend.accounts.caller import Principal
from backend.chat.disconnect import CONTINUE
from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import Asked
from backend.dialects.openai.errors import BadParameter
from backend.dialects.responses.input import told_items, with_names
from backend.dialects.responses.object import Asked as AskedResponse
from backend.dialects.responses.object import Item, calls_of, ended, output_of, response
from backend.dialects.responses.request import ResponsesRequest, is_stored
from backend.errors import ApiError, NotFound, TooLarge
from backend.house import House
from backend.pool.pools import Found
from wire.events import START, LogEntry
from wire.ids import JobId
from wire.reader import JobLost
from wire.records import JobRecord, JobRequest, Message

READ_SECONDS = 10.0  # for the log of an ended job
RESPONSE_ID = re.compile(r"resp_([0-9a-f]{32})")
LIVE = {"queued": "queued", "running": "in_progress"}
CANCEL_TRIES = 3


class Stored(NamedTuple):
    """A response that may be told again."""

    record: JobRecord
    asked: AskedResponse

    @property
    def own(self) -> tuple[Message, ...]:
        """What this request brought itself, without instructions and without what it continues."""
        return self.asked.request.messages[int((self.asked.request.echo or {}).get("own", 0)) :]


async def find(house: House, who: Principal, name: str) -> Stored:
    """Raises NotFound: foreign ids, other dialects' jobs and what was not to be stored are as unknown as wrong ids."""
    found = await house.pools.find(job_of(name))
    stored = as_stored(found) if found and found.record.tenant == who.tenant else None
    if stored is None:
        raise response_not_found(name)
    return stored


def as_stored(found: Found) -> Stored | None:
    """None for what is no response, or was not to be stored."""
    record = found.record
    try:
        request = JobRequest.model_validate_json(record.request)
    except ValueError:  # forgotten, or written by nobody here
        return None
    if not is_stored(request):
        return None
    return Stored(record, AskedResponse(record.id, record.model, request))


def job_of(name: str) -> JobId:
    """The job of a response's id. Raises NotFound."""
    match = RESPONSE_ID.fullmatch(name)
    if match is None:
        raise response_not_found(name)
    return JobId(str(uuid.UUID(match[1])))


# -- told again --------------------------------------------------------------------------------------------------
async def told(house: House, stored: Stored) -> Item:
    """The response as it is now. A live one has no output yet: it is there to be streamed."""
    if stored.record.live:
        return response(stored.asked, LIVE[stored.record.state], [])
    outcome = await outcome_of(house, stored)
    return ended(stored.asked, outcome.end, output_of(stored.asked.job, outcome))


def input_of(stored: Stored) -> list[Item]:
    return told_items(stored.asked.job, stored.own)


async def followed(house: House, stored: Stored) -> Ticket:
    """A ticket for all of its events. Raises NotFound where it was deleted just now."""
    try:
        return await house.chat.follow(stored.record, START, CONTINUE)
    except JobLost:
        raise response_not_found(stored.asked.job) from None


async def outcome_of(house: House, stored: Stored) -> Outcome:
    """Everything that an ended job said, also where it failed. Raises NotFound where its log is gone."""
    outcome = Outcome()
    outcome.fold(await log_of(house, stored))
    return outcome


async def log_of(house: House, stored: Stored) -> list[LogEntry]:
    """Every event of an ended job. Raises NotFound where its log is gone."""
    ticket, log = await followed(house, stored), list[LogEntry]()
    try:
        async with asyncio.timeout(READ_SECONDS):
            while (entries := await ticket.reader.next_burst()) is not None:
                log += entries
    except JobLost:
        raise response_not_found(stored.asked.job) from None
    finally:
        await ticket.leave(gone=False)
    return log


# -- continued ---------------------------------------------------------------------------------------------------
async def continued(house: House, who: Principal, asked: Asked, size: int) -> Asked:
    """The request with the conversation it continues put before its input. `size`: bytes of its body.

    Raises NotFound where that is gone, BadParameter where it has no answer, or none of its calls is the one answered.
    """
    wanted = asked.extra
    if not isinstance(wanted, ResponsesRequest) or wanted.previous_response_id is None:
        return asked
    before = await find(house, who, wanted.previous_response_id)
    if len(before.record.request) + size > house.settings.max_body_bytes:
        raise TooLarge("The conversation has grown larger than a request may be (SLUICE_MAX_BODY_BYTES).")
    return asked._replace(job=_joined(asked.job, await _said(house, before), house.settings.max_messages))


def _joined(job: JobRequest, before: list[Message], most: int) -> JobRequest:
    echo = dict(job.echo or {})
    first = int(echo["own"])
    messages = (*job.messages[:first], *before, *job.messages[first:])
    if len(messages) > most:
        raise BadParameter("input", f"input: the conversation has {len(messages):,} messages; at most {most:,}.")
    return job.model_copy(update={"messages": with_names(messages), "echo": {**echo, "own": first + len(before)}})


async def _said(house: House, stored: Stored) -> list[Message]:
    """A response's conversation, its answer included; instructions are each request's own."""
    outcome = None if stored.record.live else await outcome_of(house, stored)
    if outcome is None or outcome.end.get("type") != "completed":
        what = "is still in progress" if stored.record.live else "has no answer"
        raise BadParameter("previous_response_id", f"previous_response_id: this response {what}.")
    instructed = bool((stored.asked.request.echo or {}).get("instructed"))
    as_told = calls_of(stored.asked.job, outcome.restarts, outcome.tool_calls, 0)
    calls = tuple({**call, "id": told["id"]} for call, told in zip(outcome.tool_calls, as_told, strict=True))
    text, thinking = "".join(outcome.text), "".join(outcome.thinking) or None
    answer = Message(role="assistant", content=text, thinking=thinking, tool_calls=calls or None)
    return [*stored.asked.request.messages[int(instructed) :], answer]


# -- ended -------------------------------------------------------------------------------------------------------
async def cancel(house: House, stored: Stored) -> None:
    """What has ended stays as it is."""
    await house.pools.cancel(stored.asked.job)


async def forget(house: House, stored: Stored) -> None:
    """Cancel it if it lives, then wipe request, answer and log, in every pool it passed."""
    for _ in range(CANCEL_TRIES):
        await house.pools.cancel(stored.asked.job, "deleted")
        states = [await found.pool.jobs.forget(stored.asked.job) for found in await house.pools.path(stored.asked.job)]
        if not any(state in LIVE for state in states):
            return
    raise ApiError("The response could not be ended; try again.")


def response_not_found(name: str) -> NotFound:
    return NotFound(
        f"There is no response {name[:64]!r}: they are kept for a day, unless 'store' was false.", "response_not_found"
    )
