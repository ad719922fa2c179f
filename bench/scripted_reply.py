"""A reply as a stream of parts, which both protocols put into frames of their own."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import NamedTuple

from bench.scripted_mind import Call, Reply, answer
from bench.scripted_orders import Fault
from bench.scripted_pace import Pace
from bench.scripted_question import WINDOW, Question, count, tokens_of

ALTERNATIVES = (
    "the",
    " of",
    "and",
    " to",
    "in",
    " is",
    "it",
    " on",
    "as",
    " we",
    "be",
    " by",
    "or",
    " at",
    "so",
    " an",
)


class Chance(NamedTuple):
    """A token's probability, and the likeliest other tokens with it."""

    token: str
    logprob: float
    others: tuple[tuple[str, float], ...] = ()


class Part(NamedTuple):
    """One token of text or thought, or one whole call."""

    text: str = ""
    thought: str = ""
    call: Call | None = None
    chance: Chance | None = None


class End(NamedTuple):
    reason: str  # stop, length, tool_calls
    prompt_tokens: int
    completion_tokens: int
    thought_tokens: int
    cached_tokens: int


class TooLong(Exception):
    """The prompt does not fit the window."""


class Broken(Exception):
    """An ordered fault, at its place."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Speaker:
    """Speaks replies at a pace, and remembers which faults were ordered once."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._done: set[str] = set()

    def reply(self, question: Question) -> Reply:
        """Checks the prompt. Raises TooLong, and Broken where the fault comes instead of an answer."""
        if question.tokens > WINDOW:
            raise TooLong(question.tokens)
        reply = answer(question)
        fault = self._due(reply.fault, question)
        if fault and fault.at is None:
            raise Broken(fault.kind)
        return reply._replace(fault=fault)

    async def speak(self, question: Question, reply: Reply) -> AsyncIterator[Part | End]:
        """Yields the parts of a reply, at last an End. Raises Broken at the place of an ordered fault."""
        thought, text, reason = parts_of(question, reply)
        for token in thought:
            yield Part(thought=token)
            await self._pace.wait()
        for place, token in enumerate(text):
            if reply.fault and reply.fault.at == place:
                raise Broken(reply.fault.kind)
            yield Part(token, chance=chance_of(question, place, token))
            await self._pace.wait()
        for call in reply.calls:
            yield Part(call=call)
        spent = len(thought) + len(text) + sum(count(call.name + str(call.arguments)) for call in reply.calls)
        yield End(reason, question.tokens, spent, len(thought), question.cached)

    def _due(self, fault: Fault | None, question: Question) -> Fault | None:
        if fault is None or not fault.once:
            return fault
        seen = question.user_text in self._done
        self._done.add(question.user_text)
        return None if seen else fault


def parts_of(question: Question, reply: Reply) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Thought and text in tokens, cut at stop strings and at the most, behind the text that a prefill already has."""
    text = reply.text
    if question.prefill and text.startswith(question.prefill):
        text = text[len(question.prefill) :]
    places = [place for word in question.stop if word and (place := text.find(word)) >= 0]
    thought, tokens = tokens_of(reply.thought), tokens_of(text[: min(places)] if places else text)
    reason = "tool_calls" if reply.calls else "stop"
    if question.most and len(thought) + len(tokens) > question.most:
        thought, tokens, reason = thought[: question.most], tokens[: max(question.most - len(thought), 0)], "length"
    return thought, tokens, reason


def chance_of(question: Question, place: int, token: str) -> Chance | None:
    """The probabilities of a token, the likeliest first: the same for the same place and token."""
    if question.logprobs is None:
        return None
    dice = random.Random(f"{place} {token}")
    logprob = -dice.random() / 4
    others = ((other, logprob - 1 - step) for step, other in enumerate(ALTERNATIVES) if other != token)
    return Chance(token, logprob, ((token, logprob), *others)[: question.logprobs])
