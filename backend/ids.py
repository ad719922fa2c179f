"""The ids of what the API alone keeps, each a text with a type of its own; those that workers know too are in
`wire/ids.py`. A thread's and a message's id come from the page, the others are made here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, NewType, TypeVar

from pydantic import Field

ThreadId = NewType("ThreadId", str)
MessageId = NewType("MessageId", str)  # unique within its thread only
FileId = NewType("FileId", str)
BatchId = NewType("BatchId", str)

USABLE_ID = r"^[A-Za-z0-9_-]{1,64}$"
UsableThreadId = Annotated[ThreadId, Field(pattern=USABLE_ID)]
UsableMessageId = Annotated[MessageId, Field(pattern=USABLE_ID)]
AnyId = TypeVar("AnyId", bound=str)


def usable_id(given: AnyId, unknown: Callable[[AnyId], Exception]) -> AnyId:
    """An id from a path. A text that can be no id is answered like an id that is not there, and never reaches SQL.

    Raises what `unknown` makes of the text.
    """
    if not re.fullmatch(USABLE_ID, given) or given.endswith("\n"):
        raise unknown(given)
    return given
