"""OpenAI's older `/v1/completions`: going on behind a bare prompt, with no template around it.

id: 1-7
data: {"id":"cmpl-…","object":"text_completion","created":…,"model":"…","choices":[{"text":"Hello","index":0,
       "logprobs":null,"finish_reason":null}]}

| passed on | as |
| --- | --- |
| `prompt` (a text, or up to 128), `suffix` | the job's own; each prompt is a job, its answers stand side by side |
| `n` (up to 8) | so many jobs a prompt |
| `max_tokens`, 16 by default | `num_predict` |
| `logprobs` (0 to 5) | `logprobs`, `top_logprobs` |
| `echo` | the prompt is sent before the answer |
| the rest | as of a chat |

Refused with 400: `best_of` over `n` (nothing here compares answers), prompts of token ids, and `echo` with `logprobs`
(no engine reports those of a prompt). Thoughts are no part of a text and are not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.common.sse import frame, text_frame
from backend.dialects.common.tools import hex_of
from backend.dialects.openai.answer import TextLogprobs, usage_of
from backend.dialects.openai.errors import BadParameter, NotOffered, read_as
from backend.dialects.openai.frames import ChoicePlace, Chunks
from backend.dialects.openai.sampling import JOBS_MAX, Count, Sampling, StreamOptions, as_list, check_extras, copies
from backend.moments import now_ms, seconds
from wire.ids import JobId
from wire.records import JobRequest

MAX_TOKENS = 16  # OpenAI's reference has this for a request without a limit


class CompletionRequest(Sampling):
    """No `model` stands for the default one."""

    prompt: Annotated[
        list[str],
        Field(min_length=1, max_length=JOBS_MAX),
        BeforeValidator(as_list, json_schema_input_type=str | list[str]),
    ]
    suffix: str | None = None
    echo: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    n: Count | None = None
    best_of: Annotated[int, Field(ge=1)] | None = None

    def to_asks(self) -> list[JobRequest]:
        """A prompt's answers side by side. Raises BadParameter where one part of the request contradicts another."""
        self._check()
        return [ask for prompt in self.prompt for ask in copies(self._ask_of(prompt), self.n or 1)]

    def _check(self) -> None:
        if self.stream_options and not self.stream:
            raise BadParameter("stream_options", "'stream_options' belongs to a request with stream: true.")
        if self.echo and self.logprobs is not None:
            raise NotOffered("logprobs", "No engine here tells a prompt's logprobs: leave out 'echo' or 'logprobs'.")
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise NotOffered(
                "best_of", "Nothing here says which answer is best: leave 'best_of' out, or send 'n' alone."
            )
        if len(self.prompt) * (self.n or 1) > JOBS_MAX:
            raise BadParameter("n", f"n: of all prompts together at most {JOBS_MAX} answers are made.")

    def _ask_of(self, prompt: str) -> JobRequest:
        form = self.form()
        return JobRequest(
            kind="generate",
            model=self.model or "",
            prompt=prompt,
            suffix=self.suffix or None,
            options=self.options(self.max_tokens or MAX_TOKENS) | form.options,
            format=form.format,
            logprobs=None if self.logprobs is None else True,
            top_logprobs=self.logprobs,
        )


def check_possible(body: Mapping[str, Any]) -> None:
    """Raises NotOffered for a wish that OpenAI's API fulfils and no engine here can."""
    check_extras(body)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], int | list):
        raise NotOffered("prompt", "Prompts of token ids are not supported: send the text.")


class CompletionExtra(NamedTuple):
    """What the door's answer needs. `created`: the request's second. `echo`: the prompt is sent before the answer."""

    created: int
    include_usage: bool
    echo: bool


class CompletionsDoor:
    name = "openai.completions"

    def read(self, incoming: Incoming) -> Parsed:
        """Raises Invalid."""
        check_possible(incoming.fields)
        wanted = read_as(CompletionRequest, incoming.fields)
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        extra = CompletionExtra(seconds(now_ms()), include_usage, bool(wanted.echo))
        ask, *others = wanted.to_asks()
        return Parsed(ask, bool(wanted.stream), extra, others=tuple(others))

    def stream(self, parsed: Parsed, ticket: Ticket) -> TextChunks:
        return TextChunks(ticket.job, ticket.model, parsed.extra, parsed.ask.prompt)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        return self.all_choices(parsed, [ticket], [outcome])

    def choice(self, parsed: Parsed, tickets: Sequence[Ticket], place: int) -> TextChunks:
        among, prompt = ChoicePlace(place, tickets[0].job), parsed.asks[place].prompt
        return TextChunks(tickets[place].job, tickets[0].model, parsed.extra, prompt, among)

    def all_choices(self, parsed: Parsed, tickets: Sequence[Ticket], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        return completion(tickets[0].job, tickets[0].model, parsed, outcomes)


class TextChunks(Chunks):
    """The chunks of one text. `prompt`: sent before the answer, where the request wants that."""

    def __init__(
        self,
        job: JobId,
        model: str,
        extra: CompletionExtra,
        prompt: str | None = None,
        among: ChoicePlace | None = None,
    ) -> None:
        self._index, answer = among or ChoicePlace(0, job)
        self._head = head(answer, model, extra.created)
        self._tail = {"usage": None} if extra.include_usage else {}
        self._include_usage = extra.include_usage
        self._echo = prompt if extra.echo else ""
        self._logprobs = TextLogprobs()
        super().__init__(text_frame(self._chunk(""), b"text"), among)

    def opening(self) -> bytes:
        return frame(self._chunk(self._echo)) if self._echo else b""

    def keep_alive(self) -> bytes:
        return frame(self._chunk(""))

    def _chunk_of(self, fields: dict[str, Any]) -> bytes:
        return frame(self._chunk(fields.get("text", ""), self._logprobs.of(fields.get("logprobs"))))

    def _last(self, end: dict[str, Any]) -> bytes:
        return frame(self._chunk("", reason=end.get("finish_reason") or "stop"))

    def _cost(self, ends: Sequence[dict[str, Any]]) -> bytes:
        return frame({**self._head, "choices": [], "usage": usage_of(*ends)}) if self._include_usage else b""

    def _chunk(self, text: str, logprobs: Any = None, reason: str | None = None) -> dict[str, Any]:
        choice = {"text": text, "index": self._index, "logprobs": logprobs, "finish_reason": reason}
        return {**self._head, "choices": [choice], **self._tail}


def head(job: JobId, model: str, created: int) -> dict[str, Any]:
    return {"id": f"cmpl-{hex_of(job)}", "object": "text_completion", "created": created, "model": model}


def completion(job: JobId, model: str, parsed: Parsed, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The whole answer, once all its jobs have completed. `job`: that of the first choice."""
    echoes = [(wanted.prompt or "") if parsed.extra.echo else "" for wanted in parsed.asks]
    pairs = zip(echoes, outcomes, strict=True)
    choices = [choice_of(place, echo, outcome) for place, (echo, outcome) in enumerate(pairs)]
    usage = usage_of(*(outcome.end for outcome in outcomes))
    return {**head(job, model, parsed.extra.created), "choices": choices, "usage": usage}


def choice_of(index: int, echo: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "text": echo + "".join(outcome.text),
        "index": index,
        "logprobs": TextLogprobs().of(outcome.logprobs),
        "finish_reason": outcome.end.get("finish_reason") or "stop",
    }


COMPLETIONS = CompletionsDoor()
