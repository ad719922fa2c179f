"""Items that a request names instead of sending them: `{"type": "item_reference", "id": "msg_…"}`.

Some clients (the AI SDK, from its second turn on) send back only the ids of items that they got. An id holds its job,
so each item is looked up in the stored response that it came from: in the answer, and in the request.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson

from backend.accounts.caller import Caller
from backend.chat.party import together
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.openai.errors import BadParameter
from backend.dialects.responses.door import DOOR
from backend.dialects.responses.input import is_reference
from backend.dialects.responses.object import Item
from backend.dialects.responses.request import ResponsesRequest
from backend.dialects.responses.service import Responses, input_of
from backend.dialects.responses.stream import ResponseEvents
from backend.errors import NotFound, TooLarge

AT_ONCE = 16  # responses that are read side by side: a long conversation names hundreds
READ_TIMES = 16  # a request's greatest size: each turn's response holds all turns before it
ITEM_ID = re.compile(r"[a-z]{2,4}_([0-9a-f]{32})(?:_[a-z0-9_]{1,40})?")


class ItemNotFound(BadParameter):
    """An item that is named and is not there, or is another tenant's."""

    status = 404
    code = "item_not_found"


async def read_on(responses: Responses, caller: Caller, parsed: Parsed, fields: dict[str, Any], size: int) -> Parsed:
    """A request that its door has read, with what it names of earlier responses: single items, a whole conversation.

    `fields`: the request's body, of `size` bytes. Raises what `resolved` and `continued` raise.
    """
    if isinstance(parsed.extra, ResponsesRequest) and parsed.extra.has_references:
        parsed = DOOR.read(Incoming(await resolved(responses, caller, fields, size), responses.bounds))
    return await responses.continued(caller, parsed, size)


async def resolved(responses: Responses, caller: Caller, fields: dict[str, Any], size: int) -> dict[str, Any]:
    """The request with every reference replaced by the item that it names. `size`: bytes of the request as it was sent.

    Raises ItemNotFound, BadParameter for an item of a response that is still in progress, and TooLarge.
    """
    items: list[Any] = fields["input"]
    names = {place: str(item["id"]) for place, item in enumerate(items) if is_reference(item)}
    known = await Referenced(responses, caller).items(names)
    if size + sum(len(orjson.dumps(item)) for item in known.values()) > responses.bounds.body_bytes:
        raise _too_large()
    return {**fields, "input": [known.get(place, item) for place, item in enumerate(items)]}


class Referenced:
    """Reads the items that one request names from their responses, of which it reads so many bytes at most."""

    def __init__(self, responses: Responses, caller: Caller) -> None:
        self._responses = responses
        self._caller = caller
        self._left = READ_TIMES * responses.bounds.body_bytes
        self._room = asyncio.Semaphore(AT_ONCE)

    async def items(self, names: dict[int, str]) -> dict[int, Item]:
        """By their places in the input, as `names` has them."""
        responses: dict[str, dict[int, str]] = {}
        for place, name in names.items():
            if (match := ITEM_ID.fullmatch(name)) is None:
                raise _unknown(place, name)
            responses.setdefault(f"resp_{match[1]}", {})[place] = name
        answers = await together([asyncio.create_task(self._of(*pair)) for pair in responses.items()])
        return {place: item for items in answers for place, item in items.items()}

    async def _of(self, response: str, names: dict[int, str]) -> dict[int, Item]:
        """Those of one response."""
        first, name = next(iter(names.items()))
        async with self._room:
            try:
                known = await self._read(response, first)
            except NotFound:
                raise _unknown(first, name) from None
        for place, name in names.items():
            if name not in known:
                raise _unknown(place, name)
        return {place: known[name] for place, name in names.items()}

    async def _read(self, response: str, place: int) -> dict[str, Item]:
        """All items of a response, of its input and of its answer, by their ids."""
        stored = await self._responses.find(self._caller, response)
        if stored.record.live:
            raise BadParameter(f"input[{place}].id", f"input[{place}].id: its response is still in progress.")
        self._left -= len(stored.record.request)
        if self._left < 0:
            raise _too_large()
        events = ResponseEvents(stored.origin)
        events.burst(await self._responses.log(stored))
        return {item["id"]: item for item in [*input_of(stored), *events.output]}


def _too_large() -> TooLarge:
    return TooLarge("The conversation has grown larger than a request may be (SLUICE_MAX_BODY_BYTES).")


def _unknown(place: int, name: str) -> ItemNotFound:
    param = f"input[{place}].id"
    problem = (
        f"There is no item {name[:128]!r}: items are kept with their response, for a day, unless 'store' was false."
    )
    return ItemNotFound(param, problem)
