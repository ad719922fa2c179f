"""What earlier attempts left in the log, and whether this attempt may go on behind it.

Attempts are never joined blindly. The text so far becomes a prefill only for a plain text request and an engine that is
known to continue soundly (`Engine.can_continue`); in every other case the text is declared void with `restarted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from wire.events import LogEntry, counted
from wire.records import JobRequest


class Earlier(NamedTuple):
    """Output of the attempts before this one, since the last `restarted`. `tokens`: how many model tokens it cost.

    `model`: the alternative in this pool whose words it is; empty where it is the request's own.
    """

    text: str = ""
    tokens: int = 0
    other: bool = False  # thinking, tool calls, logprobs or vectors, which nothing continues
    spoken: bool = False  # a token has gone out, even if it is void by now
    model: str = ""

    @property
    def anything(self) -> bool:
        return bool(self.text) or self.other


def read_earlier(log: Iterable[LogEntry]) -> Earlier:
    """Sum up a log; entries that do not decode count as output that cannot be continued."""
    text: list[str] = []
    tokens, other, spoken, model = 0, False, False, ""
    for entry in log:
        fields = _fields(entry)
        if fields.get("type") == "rerouted":
            model = fields.get("model", "")
        elif fields.get("type") == "started" and not spoken:  # each attempt begins with the request's own model
            model = ""
        elif fields.get("type") == "restarted":
            text, tokens, other = [], 0, False
        elif fields.get("type") == "token":
            words = fields.get("text", "")
            text.append(words if isinstance(words, str) else "")
            other = other or not isinstance(words, str)
            tokens += counted(fields.get("n", 1))
            spoken = True
            other = other or any(fields.get(k) for k in ("thinking", "tool_calls", "logprobs", "embeddings"))
        other = other or not fields
    return Earlier("".join(text), tokens, other, spoken, model)


def _fields(entry: LogEntry) -> dict[str, Any]:
    try:
        return entry.fields()
    except ValueError:
        return {}


def with_rest_of_budget(ask: JobRequest, earlier: Earlier) -> JobRequest:
    """`num_predict` counts the whole answer, so what earlier attempts produced is taken off. 0: nothing is left.

    To engines 0 says, like a negative one, that there is no limit: a request's own is told as such.
    """
    budget = ask.options.get("num_predict")
    if not isinstance(budget, int) or budget < 0:
        return ask
    options = {**ask.options, "num_predict": max(0, budget - earlier.tokens) if budget else -1}
    return ask.model_copy(update={"options": options})


class StopStrings:
    """Finds a stop string that begins in the earlier text and ends in the new: the engine sees only the new one.

    `cut` returns the part of a piece that may be shown, and sets `found` to the one that ends the answer there.
    """

    def __init__(self, ask: JobRequest, earlier: str) -> None:
        stop = ask.options.get("stop") or []
        self._stops = [stop] if isinstance(stop, str) else [s for s in stop if s]
        self._tail = earlier[-(max(map(len, self._stops), default=1) - 1) or len(earlier) :] if self._stops else ""
        self._new = ""
        self.found = ""

    def cut(self, text: str) -> str:
        if not self._tail:
            return text
        before = len(self._new)
        self._new += text
        for stop in self._stops:
            at = (self._tail + self._new).find(stop)
            if 0 <= at < len(self._tail):
                self.found = stop
                return text[: max(0, at - len(self._tail) - before)]
        if len(self._new) >= len(self._tail):
            self._tail = ""  # no stop string can reach back any more
        return text
