"""Tools and a schema for the answer at once, for an engine that keeps to one grammar: a call, or the answer.

Ollama and llama.cpp hold all output of a model to the schema, its calls too: with both, a model could never call. So
the schema is widened by the calls (see `forced_call`), and the beginning of the output shows which of the two it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from ollama_worker.engines.base import Finished, Item, Piece
from ollama_worker.engines.forced_call import schema_of
from ollama_worker.engines.held import Held
from ollama_worker.engines.system_messages import with_order
from ollama_worker.engines.tool_calls import name_of
from wire.records import JobRequest

OFFER = (
    "You can call these tools. To call one, write one JSON object with the tool's `name` and its `arguments`, which "
    "fit the tool's schema, and nothing else. When you know enough, write your answer as JSON instead.\n"
)
BEGINNING = '{"name":"'  # of a call, spaces left out


def is_either(ask: JobRequest) -> bool:
    """Whether the ask has both tools and a schema, and leaves the choice to the model."""
    return bool(ask.tools) and ask.format is not None and ask.tool_choice in (None, "auto")


def as_either(ask: JobRequest) -> JobRequest:
    """The ask for an engine that keeps to one grammar; unchanged where `is_either` is false."""
    if not is_either(ask):
        return ask
    tools = list(ask.tools or ())
    offer = OFFER + b"\n".join(orjson.dumps(tool.get("function")) for tool in tools).decode()
    wanted = ask.format if isinstance(ask.format, dict) else {"type": "object"}
    changes = {"tools": None, "tool_choice": None, "format": schema_of(tools, wanted)}
    return ask.model_copy(update={**changes, "messages": with_order(offer, ask.messages)})


async def call_or_answer(ask: JobRequest, stream: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """The answer to `as_either(ask)`: text that begins as a call is held back to its end, all else comes as it is."""
    names = {name_of(tool) for tool in ask.tools or ()}
    held, answering = Held(), False
    async with aclosing(stream):
        async for item in stream:
            if isinstance(item, Finished):
                for piece in _rest(held, names):
                    yield piece
                    item = item._replace(reason="tool_calls") if piece.tool_calls else item
                yield item
                return
            if isinstance(item, Piece) and item.text and not answering:
                held.add(item)
                item = item._replace(text="", tokens=0)
                if answering := not _may_call(held.beginning, names):
                    item = item._replace(text=held.taken(), tokens=held.tokens)
            if not isinstance(item, Piece) or any(item[:4]):
                yield item


def _may_call(beginning: str, names: set[str]) -> bool:
    """Whether an answer with this beginning may still be a call of one of these tools."""
    start = _dense(beginning)
    return any(start.startswith(call) or call.startswith(start) for call in _beginnings(names))


def _beginnings(names: set[str]) -> list[str]:
    return [f'{BEGINNING}{_dense(name)}"' for name in names]


def _dense(text: str) -> str:
    return "".join(text.split())


def _rest(held: Held, names: set[str]) -> list[Piece]:
    """The pieces of the text that was held back: a call, or an answer that looked like one. A call that the budget cut
    off is no piece."""
    text = held.taken()
    if not text:
        return []
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        cut = any(_dense(held.beginning).startswith(call) for call in _beginnings(names))
        return [] if cut else [Piece(text, tokens=held.tokens)]
    if parsed.keys() == {"name", "arguments"} and isinstance(parsed["arguments"], dict):
        return [Piece(tool_calls=[{"function": _call(parsed)}], tokens=max(1, held.tokens))]
    return [Piece(text, tokens=held.tokens)]


def _call(parsed: dict[str, Any]) -> dict[str, Any]:
    return {"name": parsed["name"], "arguments": parsed["arguments"]}
