"""An answer of several choices: a job for each choice, in one stream.

The choices are `n` answers to one question, or an answer to each of several prompts. Each choice's chunks carry its
index and come as its job makes them. A choice that fails ends all. `X-Sluice-Job` lists the jobs in the order of their
choices; a chunk's `id:` belongs to an event of its own choice's job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.types import Message, Send

from backend.chat.party import Party, Ticket, together
from backend.chat.relay import Dialect, Streamed, relay


class ChoiceDialect(Dialect, Protocol):
    """The translation of one choice of several in one stream: it ends without what ends the stream."""

    end: dict[str, Any]  # the choice's `completed` event, {} until then

    def closing(self, ends: Sequence[dict[str, Any]]) -> bytes:
        """The stream's end, once every choice has ended well."""
        ...


class ChoiceFailed(Exception):
    """A choice whose job failed. Its error was sent, and nothing follows it in the stream."""


class RelayChoices(Streamed):
    """Streams the jobs of a party to its caller, as their bursts come: one choice a job, in the order of the tickets.
    Leaves the party whatever happens.
    """

    def __init__(self, party: Party, choices: Sequence[ChoiceDialect], pace: float = 0) -> None:
        super().__init__(party, choices[0].media_type)
        self._choices = choices
        self._pace = pace
        self._failed = False

    async def _write(self, send: Send) -> None:
        pairs = zip(self._party.tickets, self._choices, strict=True)
        try:
            await together([asyncio.create_task(self._relay(ticket, choice, send)) for ticket, choice in pairs])
        except ChoiceFailed:
            return
        if not self._party.gone:
            closing = self._choices[0].closing([choice.end for choice in self._choices])
            await send({"type": "http.response.body", "body": closing, "more_body": True})

    @property
    def _broke_off(self) -> bool:
        return self._failed

    async def _relay(self, ticket: Ticket, choice: ChoiceDialect, send: Send) -> None:
        """Raises ChoiceFailed. Once a choice has sent its error, the other choices send nothing more."""

        async def send_unless_over(message: Message) -> None:
            if not self._failed:
                self._failed = choice.done and not choice.end
                await send(message)

        await relay(ticket, choice, self._pace, send_unless_over)
        if not (choice.end or self._party.gone):
            raise ChoiceFailed
