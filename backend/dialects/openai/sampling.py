"""The fields that OpenAI's chat and completions have in common: how a model is to choose its tokens.

Beside OpenAI's own fields those that other servers of its protocol take (vLLM, llama.cpp, LM Studio) and clients send:
`top_k`, `min_p`, `typical_p`, `repeat_penalty` or `repetition_penalty`, and `max_tokens: -1` for no limit. Their
`ignore_eos`, `min_tokens` and whatever is not known have no effect; what holds an answer to a form is in
`guided.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from backend.dialects.openai.errors import NotOffered
from backend.dialects.openai.guided import Guided
from wire.records import JobRequest

OPTIONS = (
    *("temperature", "top_p", "top_k", "min_p", "typical_p"),
    *("presence_penalty", "frequency_penalty", "repeat_penalty", "seed", "stop"),
)
# Fields of other servers that would change the answer, and that no engine here takes.
IMPOSSIBLE = (
    *("bad_words", "stop_token_ids", "use_beam_search", "prompt_logprobs", "logits_processors"),
    *("chat_template", "continue_final_message", "documents"),
)
TOKENS_MAX = 1_048_576  # engines know no longer answer, and some no longer number
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
StopString = Annotated[str, Field(min_length=1, max_length=500)]


N_MAX = 8  # answers to one question: each is a job, which another caller may be waiting behind
JOBS_MAX = 128  # of one request
STOPS_MAX = 256  # no engine is known to take more; an engine that takes fewer refuses the job
Count = Annotated[int, Field(ge=1, le=N_MAX)]


def copies(ask: JobRequest, count: int) -> list[JobRequest]:
    """The same question `count` times. Each copy of a question with a seed gets another seed: one makes one answer."""
    seed = ask.options.get("seed")
    if seed is None or count == 1:
        return [ask] * count
    seeds = [(seed + place + 2**63) % 2**64 - 2**63 for place in range(count)]
    return [ask.model_copy(update={"options": {**ask.options, "seed": seed}}) for seed in seeds]


def as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def check_extras(body: Mapping[str, Any]) -> None:
    """Raises NotOffered for fields that other servers of this protocol take and no engine here does."""
    for name in IMPOSSIBLE:
        if body.get(name):
            raise NotOffered(name, f"{name!r} is not supported by any engine here; leave it out.")
    if isinstance(wanted := body.get("structured_outputs"), dict) and wanted.get("structural_tag"):
        raise NotOffered("structured_outputs", "'structural_tag' is not supported; send a schema or a grammar.")


class StreamOptions(BaseModel):
    """A request's `stream_options`. `include_obfuscation` is ignored: the way to the caller is the operator's."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None


def unless_off(value: object) -> object:
    """-1 stands for no limit, or for off, as llama.cpp and vLLM have it."""
    return None if value == -1 else value


class Sampling(Guided):
    model: Annotated[str, Field(max_length=200)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: (
        Annotated[
            list[StopString],
            Field(max_length=STOPS_MAX),
            BeforeValidator(as_list, json_schema_input_type=str | list[StopString]),
        ]
        | None
    ) = None
    max_tokens: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(unless_off)] = None
    top_k: Annotated[Annotated[int, Field(ge=0, le=1_000_000)] | None, BeforeValidator(unless_off)] = None
    min_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    typical_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = Field(
        None, validation_alias=AliasChoices("repeat_penalty", "repetition_penalty")
    )

    def options(self, limit: int | None) -> dict[str, Any]:
        """A job's options; `limit`: tokens of the answer, None: the model decides."""
        named = {name: getattr(self, name) for name in OPTIONS}
        named["num_predict"] = None if limit is None else min(limit, TOKENS_MAX)
        named["logit_bias"] = self.logit_bias or None
        return {name: value for name, value in named.items() if value is not None}
