"""OpenAI's streams: what the lines of an answer mean. No input or output here.

`data: [DONE]` is the end mark. It alone ends an answer well, and only behind a chunk that gave a reason.
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
    """What one chunk adds to the answer."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[dict[str, Any]] = ()
    logprobs: Sequence[dict[str, Any]] = ()


NOTHING = ChunkOutput()


def events(lines: list[bytes], fault: Faults) -> Iterator[dict[str, Any]]:
    """The objects in the `data:` lines of one read; `{}` for the end mark. Raises what an error line says.

    Lines that are neither (comments, event names) are passed over; an error may also come bare (llama.cpp).
    """
    for line in lines:
        if line.startswith(DATA):
            data = line[len(DATA) :].strip()
            said = {} if data == LAST else parse(data)
            if "error" in said:
                raise fault(_status(said), error_text(data))
            yield said
        elif line.startswith(BARE):
            data = line.removeprefix(BARE[1]).strip()
            raise fault(_status(parse(data)), error_text(data))


def _status(said: dict[str, Any]) -> int:
    """The status that an error in mid-stream carries; 0 where its code is a word."""
    error = said.get("error", said)
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def said_in_chat(choice: dict[str, Any]) -> ChunkOutput:
    delta = fields_of(choice.get("delta"))
    thinking = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
    logprobs = [logprob(entry) for entry in objects_of(fields_of(choice.get("logprobs")).get("content")) or ()]
    return ChunkOutput(text_of(delta.get("content")), thinking, delta.get("tool_calls") or (), logprobs)


def said_in_completion(choice: dict[str, Any]) -> ChunkOutput:
    return ChunkOutput(text_of(choice.get("text")), logprobs=_old_logprobs(fields_of(choice.get("logprobs"))))


def logprob(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as jobs tell it: token, logprob, bytes, and the same of the others that it might have been."""
    told = {name: entry[name] for name in ("token", "logprob", "bytes") if entry.get(name) is not None}
    if entry.get("top_logprobs"):
        told["top_logprobs"] = [logprob(other) for other in objects_of(entry["top_logprobs"]) or ()]
    return told


def cut(entry: dict[str, Any], tops: int) -> dict[str, Any]:
    """The entry with so many of the tokens that it might have been."""
    told = {name: value for name, value in entry.items() if name != "top_logprobs"}
    return told | ({"top_logprobs": entry["top_logprobs"][:tops]} if tops and entry.get("top_logprobs") else {})


def _old_logprobs(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of `/completions` as rows; llama.cpp sends rows there too."""
    if "content" in said:
        return [logprob(entry) for entry in objects_of(said["content"]) or ()]
    columns = (said.get("tokens") or (), said.get("token_logprobs") or (), said.get("top_logprobs") or ())
    return [_row(*cells) for cells in zip_longest(*columns)]


def _row(token: str, logprob: float, top: dict[str, float] | None) -> dict[str, Any]:
    others = [{"token": other, "logprob": value} for other, value in (top or {}).items()]
    return {"token": token, "logprob": logprob} | ({"top_logprobs": others} if others else {})


class OpenAIReader:
    """Reads the lines of one answer, in bursts as they came. Calls of tools are told whole, at the end."""

    def __init__(
        self, fault: Faults, said_in: Callable[[dict[str, Any]], ChunkOutput] = said_in_chat, tops: int = 0
    ) -> None:
        """`tops`: how many of the likely tokens beside each are sent on; a server may send more."""
        self._fault = fault
        self._said_in = said_in
        self._tops = tops
        self._reason, self._stop = "", ""
        self._calls = Calls()
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        """One piece for all the output in `lines`, then the end if it is among them. Raises after what came before."""
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
        """The end of an answer that is left at a stop string, by the counts that llama.cpp sends with a chunk."""
        cached = counted(self._timings.get("cache_n"))
        counts = {
            "prompt_tokens": cached + counted(self._timings.get("prompt_n")),
            "completion_tokens": counted(self._timings.get("predicted_n")),
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return finished("stop", counts, self._timings)._replace(stop_sequence=stop)

    def _chunk(self, event: dict[str, Any]) -> ChunkOutput:
        """What a chunk adds; counts, calls and the reason are kept. One choice: nobody asks for more."""
        self._usage = fields_of(event.get("usage")) or self._usage
        self._timings = fields_of(event.get("timings")) or self._timings
        choices = event.get("choices")
        choice = fields_of(choices[0]) if isinstance(choices, list) and choices else {}
        if not choice:
            return NOTHING
        said = self._said_in(choice)
        if said.calls:
            self._calls.add(said.calls)
        self._reason = text_of(choice.get("finish_reason")) or self._reason
        if isinstance(stop := choice.get("stop_reason"), str):  # vLLM's: a stop string, or a token's number
            self._stop = stop
        return said

    def _end(self) -> Iterator[Piece | Finished]:
        if self._reason not in REASONS:
            raise StreamCut(f"The answer ended without a reason that means an end ({self._reason or 'none'})")
        calls = self._calls.told(cut=self._reason == "length")
        if calls:
            yield Piece(tool_calls=calls)
        how = "stop" if self._reason in ("tool_calls", "function_call") else self._reason
        end = finished("tool_calls" if calls and how == "stop" else how, self._usage, self._timings)
        yield end._replace(stop_sequence=self._stop)


def finished(reason: str, usage: dict[str, Any], timings: dict[str, Any]) -> Finished:
    """`timings` are llama.cpp's; others tell none."""
    return Finished(
        reason,
        counted(usage.get("prompt_tokens")),
        counted(usage.get("completion_tokens")),
        prompt_ms=counted(timings.get("prompt_ms")),
        generate_ms=counted(timings.get("predicted_ms")),
        cached_tokens=counted(fields_of(usage.get("prompt_tokens_details")).get("cached_tokens")),
        thinking_tokens=counted(fields_of(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )
