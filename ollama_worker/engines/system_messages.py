"""System messages where a model's template allows one only, at the beginning: Qwen's since 3.5 refuse any other.

Sluice's own instructions (see `forced_call`) always join the caller's first system message. The caller's own system
messages stay where they are, since most templates accept them there, until an engine refuses them: then they are all
joined, for this model from now on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from ollama_worker.engines.base import Item, RequestRefused
from wire.records import JobRequest, Message

BETWEEN = "\n\n"
REFUSAL = "must be at the beginning"  # "System message …", as these templates raise it


def with_order(order: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with `order` in front, inside the caller's own first system message where there is one."""
    if not messages or messages[0].role != "system":
        return (Message(role="system", content=order), *messages)
    first = messages[0]
    return (first.model_copy(update={"content": order + BETWEEN + first.content}), *messages[1:])


def joined(ask: JobRequest) -> JobRequest:
    """The ask with all its system messages joined into one at the beginning; unchanged where it has only that one."""
    system = [message for message in ask.messages if message.role == "system"]
    if not system or list(ask.messages[:1]) == system:
        return ask
    images = tuple(image for message in system for image in message.images or ())
    content = BETWEEN.join(message.content for message in system)
    whole = system[0].model_copy(update={"content": content, "images": images or None})
    rest = (message for message in ask.messages if message.role != "system")
    return ask.model_copy(update={"messages": (whole, *rest)})


class SystemMessages:
    """The models of one engine whose template allows one system message only, as far as they are known."""

    def __init__(self) -> None:
        self._models: set[str] = set()

    def as_wanted(self, ask: JobRequest) -> JobRequest:
        """The ask in the form that its model accepts, as far as that is known."""
        return joined(ask) if ask.model in self._models else ask

    def refused(self, ask: JobRequest, error: RequestRefused) -> bool:
        """Whether the ask was refused for its system messages: then it may be sent again, with them joined."""
        if REFUSAL not in error.message.lower() or joined(ask) is ask:
            return False
        self._models.add(ask.model)
        return True

    async def counted(self, ask: JobRequest, call: Callable[[JobRequest], Awaitable[int]]) -> int:
        """The number that `call` returns; it is called again where the template refuses a second system message."""
        try:
            return await call(self.as_wanted(ask))
        except RequestRefused as error:
            if not self.refused(ask, error):
                raise
            return await call(joined(ask))

    async def answered(
        self, ask: JobRequest, call: Callable[[JobRequest], AsyncGenerator[Item]]
    ) -> AsyncGenerator[Item]:
        """The answer of `call`; it is called again where the template refuses a second system message."""
        ask = self.as_wanted(ask)
        try:
            async with aclosing(call(ask)) as stream:
                async for item in stream:
                    yield item
            return
        except RequestRefused as error:
            if not self.refused(ask, error):
                raise
        async with aclosing(call(joined(ask))) as stream:
            async for item in stream:
                yield item
