"""Tools and their calls as Ollama and OpenAI's chat write them, and as a job carries them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from backend.dialects.common.reading import NullIsAbsent
from backend.dialects.common.schema import real_schema
from backend.entrance.nested import depth, has_nul, openings, structure
from backend.errors import Invalid
from wire.ids import JobId

Name = Annotated[str, Field(min_length=1, max_length=256)]
Schema = Annotated[dict[str, Any], AfterValidator(real_schema)]
TOOLS_MAX = 128
CONTAINERS_MAX = 50_000  # in the arguments of all calls of a request: each text of them is parsed on its own
DEPTH_MAX = 50  # of arguments: they lie deep in a job, which the worker decodes to some 200 levels
MALFORMED = "malformed_arguments"  # the key of a text that a model wrote instead of a call's arguments


class Function(NullIsAbsent):
    model_config = ConfigDict(extra="ignore")

    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None  # the engine that can is to hold calls to the schema


def function_by_default(kind: object) -> object:
    """Ollama's Go client sends "" where its caller named no type."""
    return "function" if kind == "" else kind


class Tool(NullIsAbsent):
    model_config = ConfigDict(extra="ignore")

    type: Annotated[Literal["function"], BeforeValidator(function_by_default)] = "function"
    function: Function


class Called(NullIsAbsent):
    model_config = ConfigDict(extra="ignore")

    name: Name
    arguments: dict[str, Any] = Field(default_factory=dict)


class ToolCall(NullIsAbsent):
    """A call in a conversation. `id` is absent where the client's protocol has none."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = Field(None, max_length=256)
    function: Called


Tools = Annotated[list[Tool], Field(max_length=TOOLS_MAX)]
ToolCalls = Annotated[list[ToolCall], Field(max_length=TOOLS_MAX)]


def as_tools(tools: Iterable[Tool] | None) -> tuple[dict[str, Any], ...] | None:
    """For a job's `tools`."""
    return tuple(tool.model_dump(exclude_none=True) for tool in tools or ()) or None


def call_id(job: JobId, index: int, prefix: str = "call") -> str:
    """The id of an event's call that has none of its own: the same on every reading of the log."""
    return f"{prefix}_{hex_of(job)[:24]}_{index}"


def hex_of(job: JobId) -> str:
    """A job's id without its dashes."""
    return job.replace("-", "")


def arguments_of(written: str | None) -> dict[str, Any]:
    """A call's arguments, which OpenAI writes as a text. A text that is no JSON object, or none that can be read
    everywhere, stands under `MALFORMED`.

    A model wrote the text, and a caller who replays it cannot mend it: the model sees its mistake, and engines get an
    object, without which some of them refuse the whole conversation.
    """
    raw = (written or "{}").encode(errors="replace")
    if depth(structure(raw)) > DEPTH_MAX or has_nul(raw):
        return {MALFORMED: written}
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        read = None
    return read if isinstance(read, dict) else {MALFORMED: written}


def check_arguments(written: Iterable[str | None]) -> None:
    """Raises Invalid where the arguments of a request's calls have too many objects and lists in all."""
    count = sum(openings(structure(text.encode(errors="replace"))) for text in written if text)
    if count > CONTAINERS_MAX:
        problem = f"The arguments of the calls have more than {CONTAINERS_MAX:,} objects and lists; send fewer."
        raise Invalid(problem, "too_many_values")


def written_of(arguments: dict[str, Any]) -> str:
    """The arguments as a text again."""
    malformed = arguments.get(MALFORMED)
    if isinstance(malformed, str) and len(arguments) == 1:
        return malformed
    return orjson.dumps(arguments).decode()
