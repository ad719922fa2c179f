"""`POST /api/embed`, and the older `/api/embeddings` for one prompt: texts in, vectors out.

No input is ever cut, with or without `truncate`: a text that does not fit is refused, for the vector of half a text
would pass for that of the whole. Without any input the model is loaded, and the answer is empty. Empty texts in a list
have vectors of their own, so that the vector of each text is found at its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend.dialects.common.options import ModelName, Options, given, zero_is_absent
from backend.dialects.common.reading import read_as
from backend.dialects.ollama.answer import NS
from backend.dialects.ollama.chat_request import KeepAlive
from backend.dialects.ollama.loading import WORD, loading
from backend.dialects.openai.embeddings import numbers
from wire.records import JobRequest

BLANK = " "  # stands for an empty text, which some engines refuse and others make the same of
INPUTS_MAX = 2_048  # what OpenAI's clients send at most, too
Size = Annotated[int, Field(ge=1, le=65_536)]


class EmbedRequest(BaseModel):
    """The body of `POST /api/embed`."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[ModelName, Field(min_length=1)]
    input: str | Annotated[list[str], Field(max_length=INPUTS_MAX)] = Field("", description="Empty: loads the model.")
    truncate: bool | None = Field(None, description="Read, and without effect: nothing is ever cut.")
    dimensions: Annotated[Size | None, BeforeValidator(zero_is_absent)] = None
    options: Options | None = None
    keep_alive: KeepAlive | None = None


class OldRequest(BaseModel):
    """The body of `POST /api/embeddings`."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[ModelName, Field(min_length=1)]
    prompt: str = Field("", description="Empty: loads the model.")
    options: Options | None = None
    keep_alive: KeepAlive | None = None


class Vectors(NamedTuple):
    """The parts of an answer. `vectors`: little-endian 32-bit floats in base64, one an input, in order."""

    model: str
    vectors: list[str]
    prompt_tokens: int = 0
    total_ms: int = 0
    load_ms: int = 0


def read_embed(body: dict[str, Any]) -> JobRequest:
    """A job without inputs: the model is to be loaded. Raises Invalid."""
    wanted = read_as(EmbedRequest, body)
    texts = [wanted.input] if isinstance(wanted.input, str) and wanted.input else wanted.input
    ask = _ask_of("ollama.embed", wanted, tuple(text or BLANK for text in texts))
    return ask.model_copy(update={"dimensions": wanted.dimensions})


def read_old(body: dict[str, Any]) -> JobRequest:
    """A job without inputs: the model is to be loaded. Raises Invalid."""
    wanted = read_as(OldRequest, body)
    return _ask_of("ollama.embeddings", wanted, (wanted.prompt,) if wanted.prompt else ())


def _ask_of(door: str, wanted: EmbedRequest | OldRequest, inputs: tuple[str, ...]) -> JobRequest:
    options = given(wanted.options)
    return JobRequest(
        kind="embed", door=door, model=wanted.model, inputs=inputs, options=options, keep_alive=wanted.keep_alive
    )


def loading_of(ask: JobRequest, able: bool) -> JobRequest:
    """The job that loads the model of `ask`, which has no inputs. `able`: the model makes vectors."""
    if able:
        return ask.model_copy(update={"inputs": (WORD,), "dimensions": None})
    return loading(ask.model, ask.keep_alive, "input").ask.model_copy(update={"door": ask.door})


def embedded(made: Vectors) -> Iterator[bytes]:
    """The answer's JSON, piece by piece."""
    yield b'{"model":%b,"embeddings":[' % orjson.dumps(made.model)
    for place, vector in enumerate(made.vectors):
        yield (b"," if place else b"") + orjson.dumps(numbers(vector))
    yield b'],"total_duration":%d,"load_duration":%d,"prompt_eval_count":%d}' % (
        made.total_ms * NS,
        made.load_ms * NS,
        made.prompt_tokens,
    )


def embedded_old(made: Vectors) -> Iterator[bytes]:
    yield orjson.dumps({"embedding": numbers(made.vectors[0]) if made.vectors else []})
