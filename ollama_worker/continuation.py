"""What earlier attempts left in the log, and whether this attempt may continue behind it.

Attempts are never joined blindly. The text so far becomes a prefill only for a plain text request and an engine that is
known to continue soundly (`Engine.can_continue`). In every other case `restarted` declares the text void.
"""

from __future__ import annotations

from typing import NamedTuple

from wire.log import Summary
from wire.records import JobRequest


class Earlier(NamedTuple):
    """Output of the attempts before this one, since the last `restarted`. `tokens`: how many model tokens it cost.

    `model`: the alternative in this pool that wrote it; "" where the request's own model did.
    """

    text: str = ""
    tokens: int = 0
    other: bool = False  # thinking, tool calls, logprobs or vectors, which nothing continues
    spoken: bool = False  # a token has gone out, even if it is void by now
    model: str = ""

    @property
    def anything(self) -> bool:
        return bool(self.text) or self.other


def earlier_of(summary: Summary) -> Earlier:
    """What the sum of a log leaves to an attempt. An entry that does not decode is output that cannot be continued."""
    other = summary.strange or any((*summary.thinking, summary.tool_calls, summary.logprobs, summary.embeddings))
    return Earlier("".join(summary.text), summary.tokens, other, summary.spoken, summary.model)


def with_rest_of_budget(ask: JobRequest, earlier: Earlier) -> JobRequest:
    """The ask with the rest of its `num_predict`, which counts the whole answer. 0: nothing is left.

    An engine reads 0, like a negative number, as "no limit". So a request's own 0 becomes -1 here.
    """
    budget = ask.options.get("num_predict")
    if not isinstance(budget, int) or budget < 0:
        return ask
    options = {**ask.options, "num_predict": max(0, budget - earlier.tokens) if budget else -1}
    return ask.model_copy(update={"options": options})


class StopStrings:
    """The stop strings that may begin in the earlier text and end in the new one: the engine sees only the new text.

    `cut` returns the part of a piece that may be shown, and sets `found` to the stop string that ends the answer there.
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
