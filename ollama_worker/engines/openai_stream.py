"""OpenAI's streams: what the lines of an answer mean. No input or output here.

`data: [DONE]` is the end mark. Only this line ends an answer well, and only behind a chunk that gave a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from ollama_worker.engines.base import EngineError, Finished, Piece, StreamCut
from ollama_worker.engines.http import Faults, error_text, fields_of, objects_of, parse, text_of
from ollama_worker.engines.tool_calls import Calls
from wire.events import counted

DATA, LAST = b"data:", b"[DONE]"
BARE = (b"{", b"error:")  # how an error begins that is no event
REASONS = ("stop", "length", "tool_calls", "function_call", "content_filter")  # others, such as "abort", mean a cut


class ChunkOutput(NamedTuple):
    """The output that one chunk adds to the answer."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[dict[str, Any]] = ()
    logprobs: Sequence[dict[str, Any]] = ()


NOTHING = ChunkOutput()


def events(lines: list[bytes], fault: Faults) -> Iterator[dict[str, Any]]:
    """The objects in the `data:` lines of one read; `{}` for the end mark. Raises the fault of an error line.

    Other lines (comments, event names) are left out; an error may also come bare (llama.cpp).
    """
    for line in lines:
        if line.startswith(DATA):
            data = line[len(DATA) :].strip()
            event = {} if data == LAST else parse(data)
            if "error" in event:
                raise fault(_status(event), error_text(data))
            yield event
        elif line.startswith(BARE):
            data = line.removeprefix(BARE[1]).strip()
            raise fault(_status(parse(data)), error_text(data))


def _status(event: dict[str, Any]) -> int:
    """The status that an error in mid-stream carries; 0 where its code is no number."""
    error = event.get("error", event)
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def chat_output(choice: dict[str, Any]) -> ChunkOutput:
    delta = fields_of(choice.get("delta"))
    thinking = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
    logprobs = [logprob(entry) for entry in objects_of(fields_of(choice.get("logprobs")).get("content")) or ()]
    return ChunkOutput(text_of(delta.get("content")), thinking, delta.get("tool_calls") or (), logprobs)


def completion_output(choice: dict[str, Any]) -> ChunkOutput:
    return ChunkOutput(text_of(choice.get("text")), logprobs=_old_logprobs(fields_of(choice.get("logprobs"))))


def logprob(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a job's log holds it: token, logprob, bytes, and the same of the other tokens that were likely."""
    kept = {name: entry[name] for name in ("token", "logprob", "bytes") if entry.get(name) is not None}
    if entry.get("top_logprobs"):
        kept["top_logprobs"] = [logprob(other) for other in objects_of(entry["top_logprobs"]) or ()]
    return kept


def cut(entry: dict[str, Any], tops: int) -> dict[str, Any]:
    """The entry with so many of the other tokens that were likely."""
    rest = {name: value for name, value in entry.items() if name != "top_logprobs"}
    return rest | ({"top_logprobs": entry["top_logprobs"][:tops]} if tops and entry.get("top_logprobs") else {})


def _old_logprobs(logprobs: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of `/completions` as rows; llama.cpp sends rows."""
    if "content" in logprobs:
        return [logprob(entry) for entry in objects_of(logprobs["content"]) or ()]
    columns = (logprobs.get("tokens") or (), logprobs.get("token_logprobs") or (), logprobs.get("top_logprobs") or ())
    return [_row(*cells) for cells in zip_longest(*columns)]


def _row(token: str, logprob: float, top: dict[str, float] | None) -> dict[str, Any]:
    others = [{"token": other, "logprob": value} for other, value in (top or {}).items()]
    return {"token": token, "logprob": logprob} | ({"top_logprobs": others} if others else {})


class OpenAIReader:
    """The reader of one answer's lines, in bursts as they came. Calls of tools come whole, at the end."""

    def __init__(
        self, fault: Faults, output_of: Callable[[dict[str, Any]], ChunkOutput] = chat_output, tops: int = 0
    ) -> None:
        """`tops`: how many of the other likely tokens are sent on with each token; a server may send more."""
        self._fault = fault
        self._output_of = output_of
        self._tops = tops
        self._reason, self._stop = "", ""
        self._calls = Calls()
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        """One piece for all the output in `lines`, then the end if it is among them. An error is raised after the piece
        that came before it."""
        text, thinking, tokens, ended = "", "", 0, False
        logprobs: list[dict[str, Any]] = []
        error: EngineError | None = None
        try:
            for event in events(lines, self._fault):
                if ended := not event:
                    break
                new, thought, _, entries = self._chunk(event)
                if new or thought:
                    text, thinking, tokens = text + new, thinking + thought, tokens + 1
                logprobs += [cut(entry, self._tops) for entry in entries]
        except EngineError as raised:
            error = raised
        if text or thinking or logprobs:
            yield Piece(text, thinking, None, logprobs or None, max(1, tokens))
        if error:
            raise error
        if ended:
            yield from self._end()

    def stopped(self, stop: str) -> Finished:
        """The end of an answer that is cut at a stop string, by the counts that llama.cpp sends with a chunk."""
        cached = counted(self._timings.get("cache_n"))
        counts = {
            "prompt_tokens": cached + counted(self._timings.get("prompt_n")),
            "completion_tokens": counted(self._timings.get("predicted_n")),
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return finished("stop", counts, self._timings)._replace(stop_sequence=stop)

    def _chunk(self, event: dict[str, Any]) -> ChunkOutput:
        """What a chunk adds; counts, calls and the reason are kept. There is one choice: no request has `n`."""
        self._usage = fields_of(event.get("usage")) or self._usage
        self._timings = fields_of(event.get("timings")) or self._timings
        choices = event.get("choices")
        choice = fields_of(choices[0]) if isinstance(choices, list) and choices else {}
        if not choice:
            return NOTHING
        output = self._output_of(choice)
        if output.calls:
            self._calls.add(output.calls)
        self._reason = text_of(choice.get("finish_reason")) or self._reason
        if isinstance(stop := choice.get("stop_reason"), str):  # vLLM's: a stop string, or a token's number
            self._stop = stop
        return output

    def _end(self) -> Iterator[Piece | Finished]:
        if self._reason not in REASONS:
            raise StreamCut(f"The answer ended without a reason that means an end ({self._reason or 'none'})")
        calls = self._calls.whole(cut=self._reason == "length")
        if calls:
            yield Piece(tool_calls=calls)
        how = "stop" if self._reason in ("tool_calls", "function_call") else self._reason
        end = finished("tool_calls" if calls and how == "stop" else how, self._usage, self._timings)
        yield end._replace(stop_sequence=self._stop)


def finished(reason: str, usage: dict[str, Any], timings: dict[str, Any]) -> Finished:
    """The end mark by the counts of a chunk. `timings` are llama.cpp's; other servers send none."""
    return Finished(
        reason,
        counted(usage.get("prompt_tokens")),
        counted(usage.get("completion_tokens")),
        prompt_ms=counted(timings.get("prompt_ms")),
        generate_ms=counted(timings.get("predicted_ms")),
        cached_tokens=counted(fields_of(usage.get("prompt_tokens_details")).get("cached_tokens")),
        thinking_tokens=counted(fields_of(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )
