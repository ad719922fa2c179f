"""Responses that are kept: found by their id, continued by the next request, sent again, cancelled, forgotten.

A response is a job. The request lies in its record, the answer in its log, both for a day after the job's end.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import NamedTuple

from starlette.requests import Request

from backend.accounts.caller import Caller
from backend.bounds import RequestBounds
from backend.chat.disconnect import CONTINUE
from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.service import ChatService
from backend.dialects.common.door import Parsed
from backend.dialects.openai.errors import BadParameter
from backend.dialects.responses.input import input_items_of, with_names
from backend.dialects.responses.object import Item, Origin, calls_of, ended, output_of, response
from backend.dialects.responses.request import ResponsesRequest, is_stored
from backend.errors import ApiError, NotFound, TooLarge
from backend.pool.pools import Found, Pools
from wire.events import START, LogEntry
from wire.ids import JobId
from wire.reader import JobLost
from wire.records import JobRecord, JobRequest, Message

READ_SECONDS = 10.0  # for the log of an ended job
RESPONSE_ID = re.compile(r"resp_([0-9a-f]{32})")
LIVE = {"queued": "queued", "running": "in_progress"}


class Stored(NamedTuple):
    """A response that may be sent again."""

    record: JobRecord
    origin: Origin

    @property
    def own(self) -> tuple[Message, ...]:
        """The messages that this request brought itself: no instructions, nothing of the response that it continues."""
        return self.origin.ask.messages[int((self.origin.ask.echo or {}).get("own", 0)) :]


class Responses:
    """The responses that are kept, and the request of the next one. `bounds`: of one request."""

    def __init__(self, pools: Pools, chat: ChatService, bounds: RequestBounds) -> None:
        self._pools = pools
        self._chat = chat
        self.bounds = bounds

    async def find(self, caller: Caller, response_id: str) -> Stored:
        """Raises NotFound: a foreign id, the job of another dialect and a response that was not to be stored are as
        unknown as a wrong id."""
        stored = await self.kept(caller, job_of(response_id))
        if stored is None:
            raise response_not_found(response_id)
        return stored

    async def kept(self, caller: Caller, job: JobId) -> Stored | None:
        """The response as the record of the caller's job has it, None where nothing of it is kept."""
        outline = await self._pools.of(caller).find(job)
        found = await self._pools.whole(outline) if outline else None
        return as_stored(found) if found else None

    # -- sent again --------------------------------------------------------------------------------------------
    async def now(self, stored: Stored) -> Item:
        """The response as it is now. A live response has no output yet: it is there to be streamed."""
        if stored.record.live:
            return response(stored.origin, LIVE[stored.record.state], [])
        outcome = await self._outcome(stored)
        return ended(stored.origin, outcome.end, output_of(stored.origin.job, outcome))

    async def followed(self, stored: Stored) -> Ticket:
        """A ticket for all events of the response. Raises NotFound where it was deleted just now."""
        try:
            return await self._chat.follow(stored.record, START, CONTINUE)
        except JobLost:
            raise response_not_found(stored.origin.job) from None

    async def log(self, stored: Stored) -> list[LogEntry]:
        """Every event of an ended job. Raises NotFound where its log is gone."""
        ticket, log = await self.followed(stored), list[LogEntry]()
        try:
            async with asyncio.timeout(READ_SECONDS):
                while (entries := await ticket.reader.next_burst()) is not None:
                    log += entries
        except JobLost:
            raise response_not_found(stored.origin.job) from None
        finally:
            await ticket.leave(gone=False)
        return log

    async def _outcome(self, stored: Stored) -> Outcome:
        """All that an ended job has answered, also where it failed. Raises NotFound where its log is gone."""
        outcome = Outcome()
        outcome.fold(await self.log(stored))
        return outcome

    # -- continued ---------------------------------------------------------------------------------------------
    async def continued(self, caller: Caller, parsed: Parsed, size: int) -> Parsed:
        """The request with the conversation that it continues put before its input. `size`: bytes of its body.

        Raises NotFound where that conversation is gone, BadParameter where it has no answer, or where the request
        answers a tool call that is not in it.
        """
        wanted = parsed.extra
        if not isinstance(wanted, ResponsesRequest) or wanted.previous_response_id is None:
            return parsed
        before = await self.find(caller, wanted.previous_response_id)
        if len(before.record.request) + size > self.bounds.body_bytes:
            raise TooLarge("The conversation has grown larger than a request may be (SLUICE_MAX_BODY_BYTES).")
        return parsed._replace(ask=_joined(parsed.ask, await self._conversation(before), self.bounds.messages))

    async def _conversation(self, stored: Stored) -> list[Message]:
        """A response's conversation, its answer included; instructions are each request's own."""
        outcome = None if stored.record.live else await self._outcome(stored)
        if outcome is None or outcome.end.get("type") != "completed":
            what = "is still in progress" if stored.record.live else "has no answer"
            raise BadParameter("previous_response_id", f"previous_response_id: this response {what}.")
        instructed = bool((stored.origin.ask.echo or {}).get("instructed"))
        return [*stored.origin.ask.messages[int(instructed) :], _answer(stored, outcome)]

    # -- ended -------------------------------------------------------------------------------------------------
    async def cancel(self, caller: Caller, stored: Stored) -> None:
        """A response that has ended stays as it is."""
        await self._pools.of(caller).cancel(stored.origin.job)

    async def forget(self, caller: Caller, stored: Stored) -> None:
        """Cancel the response if it lives, then wipe request, answer and log in every pool that it passed."""
        if not await self._pools.of(caller).forget(stored.origin.job):
            raise ApiError("The response could not be ended; try again.")


def responses_of(request: Request) -> Responses:
    responses: Responses = request.state.responses
    return responses


def as_stored(found: Found) -> Stored | None:
    """None for what is no response, or was not to be stored."""
    record = found.record
    try:
        request = JobRequest.model_validate_json(record.request)
    except ValueError:  # forgotten, or not written by this code
        return None
    if not is_stored(request):
        return None
    return Stored(record, Origin(record.id, record.model, request))


def job_of(name: str) -> JobId:
    """The job of a response's id. Raises NotFound."""
    match = RESPONSE_ID.fullmatch(name)
    if match is None:
        raise response_not_found(name)
    return JobId(str(uuid.UUID(match[1])))


def input_of(stored: Stored) -> list[Item]:
    return input_items_of(stored.origin.job, stored.own)


def _joined(ask: JobRequest, before: list[Message], most: int) -> JobRequest:
    echo = dict(ask.echo or {})
    first = int(echo["own"])
    messages = (*ask.messages[:first], *before, *ask.messages[first:])
    if len(messages) > most:
        raise BadParameter("input", f"input: the conversation has {len(messages):,} messages; at most {most:,}.")
    return ask.model_copy(update={"messages": with_names(messages), "echo": {**echo, "own": first + len(before)}})


def _answer(stored: Stored, outcome: Outcome) -> Message:
    """The answer as a message of the conversation. Its tool calls have the ids that their caller knows."""
    numbered = calls_of(stored.origin.job, outcome.restarts, outcome.tool_calls, 0)
    calls = tuple({**call, "id": item["id"]} for call, item in zip(outcome.tool_calls, numbered, strict=True))
    text, thinking = "".join(outcome.text), "".join(outcome.thinking) or None
    return Message(role="assistant", content=text, thinking=thinking, tool_calls=calls or None)


def response_not_found(name: str) -> NotFound:
    return NotFound(
        f"There is no response {name[:64]!r}: they are kept for a day, unless 'store' was false.", "response_not_found"
    )
