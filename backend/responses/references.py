"""Items that a request names instead of sending them: `{"type": "item_reference", "id": "msg_…"}`.

Some clients (the AI SDK, from its second turn on) send back only the ids of what they were told. An id holds its job,
so each is looked up in the stored response that it came from: in what that one answered, and in what it was asked with.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import orjson

from backend.dialects.door import Asked
from backend.dialects.openai_errors import BadParameter
from backend.dialects.openai_responses import DOOR
from backend.dialects.openai_responses_input import is_reference
from backend.dialects.openai_responses_object import Item
from backend.dialects.openai_responses_request import ResponsesRequest
from backend.dialects.openai_responses_stream import ResponseEvents
from backend.errors import NotFound, TooLarge
from backend.house import House
from backend.principal import Principal
from backend.responses import service

AT_ONCE = 16  # responses that are read side by side: a long conversation names hundreds
ITEM_ID = re.compile(r"[a-z]{2,4}_([0-9a-f]{32})(?:_[a-z0-9_]{1,40})?")


class ItemNotFound(BadParameter):
    """An item that is named and is not there, or is another tenant's."""

    status = 404
    code = "item_not_found"


async def read_on(house: House, who: Principal, asked: Asked, body: dict[str, Any], size: int) -> Asked:
    """A request that its door has read, with what it names of earlier responses: single items, a whole conversation.

    `body`: the request as it was parsed, `size` bytes long. Raises what `resolved` and `continued` raise.
    """
    if isinstance(asked.extra, ResponsesRequest) and asked.extra.has_references:
        asked = DOOR.read(await resolved(house, who, body, size), house.settings.max_messages)
    return await service.continued(house, who, asked, size)


async def resolved(house: House, who: Principal, body: dict[str, Any], size: int) -> dict[str, Any]:
    """The request with every reference replaced by the item that it names. `size`: bytes of the request as it was sent.

    Raises ItemNotFound, BadParameter for an item of a response that is still in progress, and TooLarge.
    """
    items: list[Any] = body["input"]
    named = {place: str(item["id"]) for place, item in enumerate(items) if is_reference(item)}
    known = await _items_of(house, who, named)
    for place, name in named.items():
        if name not in known:
            raise _unknown(place, name)
    whole = [known[named[place]] if place in named else item for place, item in enumerate(items)]
    if size + sum(len(orjson.dumps(known[name])) for name in named.values()) > house.settings.max_body_bytes:
        raise TooLarge("The conversation has grown larger than a request may be (SLUICE_MAX_BODY_BYTES).")
    return {**body, "input": whole}


async def _items_of(house: House, who: Principal, named: dict[int, str]) -> dict[str, Item]:
    """The items of all responses that the ids come from, by their ids."""
    places: dict[str, int] = {}  # response id → the first place that names one of its items
    for place, name in named.items():
        if (match := ITEM_ID.fullmatch(name)) is None:
            raise _unknown(place, name)
        places.setdefault(f"resp_{match[1]}", place)
    room = asyncio.Semaphore(AT_ONCE)

    async def read(response: str, place: int) -> Iterable[Item]:
        async with room:
            return await _read(house, who, response, place, named[place])

    lists = await asyncio.gather(*[read(response, place) for response, place in places.items()])
    return {item["id"]: item for items in lists for item in items}


async def _read(house: House, who: Principal, response: str, place: int, name: str) -> list[Item]:
    try:
        stored = await service.find(house, who, response)
        if stored.record.live:
            param = f"input[{place}].id"
            raise BadParameter(param, f"{param}: the response of the item {name!r} is still in progress.")
        events = ResponseEvents(stored.asked)
        events.burst(await service.log_of(house, stored))
    except NotFound:
        raise _unknown(place, name) from None
    return [*service.input_of(stored), *events.output]


def _unknown(place: int, name: str) -> ItemNotFound:
    param = f"input[{place}].id"
    told = f"There is no item {name[:128]!r}: items are kept with their response, for a day, unless 'store' was false."
    return ItemNotFound(param, told)
