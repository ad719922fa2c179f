"""OpenAI's older `/v1/completions`: going on behind a bare prompt, with no template around it.

id: 1-7
data: {"id":"cmpl-…","object":"text_completion","created":…,"model":"…","choices":[{"text":"Hello","index":0,
       "logprobs":null,"finish_reason":null}]}

| passed on | as |
| --- | --- |
| `prompt` (a text, or a list with exactly one), `suffix` | the job's own |
| `max_tokens`, 16 unless told | `num_predict` |
| `logprobs` (0 to 5) | `logprobs`, `top_logprobs` |
| `echo` | the prompt is told before the answer |
| the rest | as of a chat |

Refused with 400: `n` or `best_of` over 1, several prompts, prompts of token ids, `logit_bias`, and `echo` with
`logprobs` (no engine tells those of a prompt). Thoughts are no part of a text and are not told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from backend.dialects.door import Asked
from backend.dialects.openai_answer import TextLogprobs, usage_of
from backend.dialects.openai_errors import BadParameter, NotOffered, read_as
from backend.dialects.openai_frames import Chunks
from backend.dialects.openai_sampling import Sampling, StreamOptions
from backend.dialects.sse import frame, text_frame
from backend.dialects.tools import hex_of
from backend.relay import Outcome, Ticket
from wire.records import JobRequest

MAX_TOKENS = 16  # what OpenAI's reference says of a request that does not


def only_one(prompt: object) -> object:
    return prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt


class CompletionRequest(Sampling):
    """No `model` stands for the default one."""

    prompt: Annotated[str, Field(min_length=1), BeforeValidator(only_one, json_schema_input_type=str | list[str])]
    suffix: str | None = None
    echo: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    n: Literal[1] | None = None
    best_of: Literal[1] | None = None

    def to_job(self) -> JobRequest:
        """Raises BadParameter where one part of the request contradicts another."""
        if self.stream_options and not self.stream:
            raise BadParameter("stream_options", "'stream_options' belongs to a request with stream: true.")
        if self.echo and self.logprobs is not None:
            raise NotOffered("logprobs", "No engine here tells a prompt's logprobs: leave out 'echo' or 'logprobs'.")
        return JobRequest(
            kind="generate",
            model=self.model or "",
            prompt=self.prompt,
            suffix=self.suffix or None,
            options=self.options(self.max_tokens or MAX_TOKENS),
            logprobs=None if self.logprobs is None else True,
            top_logprobs=self.logprobs,
        )


def check_possible(body: Mapping[str, Any]) -> None:
    """Raises NotOffered for what this API knows and nobody here can do."""
    for name in ("n", "best_of"):
        if isinstance(count := body.get(name), int) and count > 1:
            raise NotOffered(name, f"A request gets one answer here; leave {name!r} out.")
    if body.get("logit_bias"):
        raise NotOffered("logit_bias", "'logit_bias' is not supported by any engine here; leave it out.")
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], int | list):
        raise NotOffered("prompt", "Prompts of token ids are not supported: send the text.")
    if isinstance(prompt, list) and len(prompt) > 1:
        raise NotOffered("prompt", "A request gets one answer here: send one prompt, and the others on their own.")


class Extra(NamedTuple):
    """`created`: the request's second. `echo`: the prompt, where it is to be told before the answer."""

    created: int
    include_usage: bool
    echo: str


class CompletionsDoor:
    name = "openai.completions"

    def read(self, body: dict[str, Any], max_messages: int) -> Asked:
        """Raises Invalid."""
        check_possible(body)
        wanted = read_as(CompletionRequest, body)
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        extra = Extra(int(time.time()), include_usage, wanted.prompt if wanted.echo else "")
        return Asked(wanted.to_job(), bool(wanted.stream), extra)

    def stream(self, asked: Asked, ticket: Ticket) -> TextChunks:
        return TextChunks(ticket.job, ticket.model, asked.extra)

    def whole(self, asked: Asked, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        return completion(ticket.job, ticket.model, asked.extra, outcome)


class TextChunks(Chunks):
    def __init__(self, job: str, model: str, extra: Extra) -> None:
        self._head = head(job, model, extra.created)
        self._tail = {"usage": None} if extra.include_usage else {}
        self._extra = extra
        self._logprobs = TextLogprobs()
        super().__init__(text_frame(self._chunk(""), b"text"))

    def opening(self) -> bytes:
        return frame(self._chunk(self._extra.echo)) if self._extra.echo else b""

    def keep_alive(self) -> bytes:
        return frame(self._chunk(""))

    def _token(self, fields: dict[str, Any]) -> bytes:
        return frame(self._chunk(fields.get("text", ""), self._logprobs.of(fields.get("logprobs"))))

    def _closing(self, end: dict[str, Any]) -> bytes:
        """The chunk with the reason, and the one with the cost."""
        last = frame(self._chunk("", reason=end.get("finish_reason") or "stop"))
        cost = {**self._head, "choices": [], "usage": usage_of(end)}
        return last + (frame(cost) if self._extra.include_usage else b"")

    def _chunk(self, text: str, logprobs: Any = None, reason: str | None = None) -> dict[str, Any]:
        choice = {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": reason}
        return {**self._head, "choices": [choice], **self._tail}


def head(job: str, model: str, created: int) -> dict[str, Any]:
    return {"id": f"cmpl-{hex_of(job)}", "object": "text_completion", "created": created, "model": model}


def completion(job: str, model: str, extra: Extra, outcome: Outcome) -> dict[str, Any]:
    """The whole answer of a job that completed."""
    choice = {
        "text": extra.echo + "".join(outcome.text),
        "index": 0,
        "logprobs": TextLogprobs().of(outcome.logprobs),
        "finish_reason": outcome.end.get("finish_reason") or "stop",
    }
    return {**head(job, model, extra.created), "choices": [choice], "usage": usage_of(outcome.end)}


COMPLETIONS = CompletionsDoor()
