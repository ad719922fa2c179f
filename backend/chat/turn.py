"""A turn: what one chat request says about the place of its question and its answer in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from backend.errors import Invalid
from backend.ids import MessageId, ThreadId, UsableMessageId, UsableThreadId


class TurnFields(BaseModel):
    """The ids that a request gives its turn. `parent_id` null: the message begins the thread."""

    model_config = ConfigDict(extra="ignore")

    thread_id: UsableThreadId
    parent_id: UsableMessageId | None
    message_id: UsableMessageId
    answer_id: UsableMessageId


class Turn(NamedTuple):
    """The user's message and the answer that is to follow it. `images`: {"mime", "data"}, data in base64.

    `context_messages`: so many of the conversation's last messages, this one among them, the model is given; None: all.
    """

    thread: ThreadId
    parent: MessageId | None
    message: MessageId
    answer: MessageId
    text: str
    images: tuple[dict[str, str], ...] = ()
    context_messages: int | None = None

    @property
    def key(self) -> str:
        """An answer has one job: this is its idempotency key, whatever the header says."""
        return f"turn:{self.thread}:{self.answer}"


def turn_of(where: str, fields: TurnFields, text: str, images: Sequence[dict[str, str]]) -> Turn:
    """The turn of a request. `where` names the place of the fields in its body, for the message of an Invalid."""
    if fields.parent_id == fields.message_id or fields.answer_id in (fields.message_id, fields.parent_id):
        raise Invalid(f"{where}: parent_id, message_id and answer_id must differ.", "invalid_turn")
    return Turn(fields.thread_id, fields.parent_id, fields.message_id, fields.answer_id, text, tuple(images))
