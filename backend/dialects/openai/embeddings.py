"""OpenAI's `/v1/embeddings`: vectors of texts, or of the model's own token ids; as numbers or as base64.

| `input` | what it is |
| --- | --- |
| `"text"`, `["text", …]` | one text, or up to 2,048 |
| `[1, 2]`, `[[1, 2], …]` | one text's token ids, or those of up to 2,048 texts |

Base64 is of little-endian 32-bit floats: what vectors travel as anyhow. `user` and whatever is not known is ignored.
"""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend.dialects.openai.errors import BadParameter, read_as
from wire.records import JobRequest

EMBEDDINGS_PATH = "/v1/embeddings"  # whose requests may have token ids: long lists of numbers
INPUTS_MAX = 2_048
TOKENS_MAX = 65_536  # token ids of one input: more than any model's window
Text = Annotated[str, Field(min_length=1)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
TokenIds = Annotated[list[TokenId], Field(min_length=1, max_length=TOKENS_MAX)]


def as_inputs(value: object) -> object:
    """One text, or one text's token ids, as a list of one."""
    if isinstance(value, str):
        return [value]
    return [value] if isinstance(value, list) and value and type(value[0]) is int else value


class EmbeddingRequest(BaseModel):
    """No `model` stands for the default one."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(max_length=200)] | None = None
    input: Annotated[
        list[Any],
        Field(min_length=1, max_length=INPUTS_MAX),
        BeforeValidator(as_inputs, json_schema_input_type=Text | list[Text] | TokenIds | list[TokenIds]),
    ]
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None


class EmbeddingAsk(NamedTuple):
    """A request for vectors, and whether it wants them in base64."""

    ask: JobRequest
    as_base64: bool


def read(body: dict[str, Any]) -> EmbeddingAsk:
    """Raises BadParameter."""
    wanted = read_as(EmbeddingRequest, body)
    inputs = tuple(input_of(value, place) for place, value in enumerate(wanted.input))
    if len({type(value) for value in inputs}) > 1:
        raise BadParameter("input", "input: texts and token ids do not go together; send one kind.")
    ask = JobRequest(kind="embed", model=wanted.model or "", inputs=inputs, dimensions=wanted.dimensions)
    return EmbeddingAsk(ask, wanted.encoding_format == "base64")


def input_of(value: object, place: int) -> str | tuple[int, ...]:
    """Checked by hand: a union's complaints about 2,048 inputs would name every way in which each of them is wrong."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and 0 < len(value) <= TOKENS_MAX and all(map(is_token_id, value)):
        return tuple(value)
    problem = f"input[{place}]: must be a text that is not empty, or 1 to {TOKENS_MAX:,} token ids."
    raise BadParameter(f"input[{place}]", problem)


def is_token_id(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def answer(model: str, vectors: list[str], prompt_tokens: int, as_base64: bool) -> Iterator[bytes]:
    """The answer's JSON, piece by piece: 2,048 long vectors at once would make all other callers wait."""
    yield b'{"object":"list","data":['
    for place, vector in enumerate(vectors):
        embedding = vector if as_base64 else numbers(vector)
        comma = b"," if place else b""
        yield comma + orjson.dumps({"object": "embedding", "index": place, "embedding": embedding})
    usage = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    yield b'],"model":%b,"usage":%b}' % (orjson.dumps(model), orjson.dumps(usage))


def numbers(vector: str) -> list[float]:
    """Base64 of little-endian 32-bit floats → the floats."""
    floats = array("f", base64.b64decode(vector))
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()
