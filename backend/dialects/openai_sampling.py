"""What OpenAI's chat and completions have in common: how a model is to choose its tokens."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

TOKENS_MAX = 1_048_576  # engines know no longer answer, and some no longer number
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
StopString = Annotated[str, Field(min_length=1, max_length=500)]


def as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class StreamOptions(BaseModel):
    """`include_obfuscation` is ignored: what lies between us and the caller is theirs."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None


class Sampling(BaseModel):
    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(max_length=200)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: (
        Annotated[
            list[StopString],
            Field(max_length=16),
            BeforeValidator(as_list, json_schema_input_type=str | list[StopString]),
        ]
        | None
    ) = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None

    def options(self, limit: int | None) -> dict[str, Any]:
        """A job's options; `limit`: tokens of the answer, None: the model decides."""
        same = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
        named = {name: getattr(self, name) for name in same}
        named["num_predict"] = None if limit is None else min(limit, TOKENS_MAX)
        return {name: value for name, value in named.items() if value is not None}
