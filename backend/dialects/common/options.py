"""Ollama's sampling options, which a thread keeps and other protocols take too, and the types they are made of."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

STOPS_MAX = 256  # Ollama has no bound; no caller means more


def whole(value: object) -> object:
    """Ollama cuts what is behind the point of an option that is a whole number: 10.0 and 10.5 are 10."""
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


def at_least_0(top_k: int) -> int:
    """0 and -1 are the same to Ollama, "of all tokens"; other engines know one of them."""
    return max(0, top_k)


def zero_is_absent(value: object) -> object:
    """Go's clients send 0 for a number that they were not given."""
    return None if type(value) in (int, float) and value == 0 else value


def as_list(value: object) -> object:
    """A list of texts without the empty ones: every answer holds an empty text, and would end before it begins."""
    texts = [value] if isinstance(value, str) else value
    return [text for text in texts if text != ""] if isinstance(texts, list) else texts


Whole = Annotated[int, BeforeValidator(whole, json_schema_input_type=int)]
Positive = Annotated[Whole, Field(ge=1, le=1_048_576)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
ModelName = Annotated[str, Field(max_length=200)]


class Options(BaseModel):
    """Ollama's sampling options that are passed on. Others (num_gpu, num_thread, …) are the operator's, and ignored."""

    model_config = ConfigDict(extra="ignore")

    temperature: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    top_k: Annotated[Whole, Field(ge=-1, le=1_000_000), AfterValidator(at_least_0)] | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    tfs_z: Penalty | None = None
    seed: Annotated[Whole, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    num_predict: Annotated[Whole, Field(ge=-2, le=1_048_576)] | None = None
    num_ctx: Annotated[Positive | None, BeforeValidator(zero_is_absent)] = Field(
        None, description="Engines whose window is fixed at the load ignore it."
    )
    num_keep: Annotated[Whole, Field(ge=-1, le=1_048_576)] | None = None
    stop: (
        Annotated[list[Annotated[str, Field(max_length=500)]], Field(fail_fast=True), BeforeValidator(as_list)] | None
    ) = Field(None, max_length=STOPS_MAX)
    repeat_last_n: Annotated[Whole, Field(ge=-1, le=1_048_576)] | None = None
    repeat_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    mirostat: Annotated[Whole, Field(ge=0, le=2)] | None = None
    mirostat_eta: Penalty | None = None
    mirostat_tau: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None


def given(options: Options | None) -> dict[str, Any]:
    """The options that a request has, as a job carries them."""
    return options.model_dump(exclude_none=True) if options else {}
