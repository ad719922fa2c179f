"""The bodies and parameters of `/api/threads`, checked in full before SQL sees any of them. Unknown fields are
ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from backend.dialects.common.options import Options
from backend.errors import Invalid, NotFound, explain
from backend.ids import MessageId, ThreadId, UsableMessageId, UsableThreadId

TITLE_MAX = 200  # characters
SYSTEM_MAX_BYTES = 64 * 1024
COMMENT_MAX = 4_000
QUERY_MAX = 200
PAGE_MAX = 200

Parsed = TypeVar("Parsed", bound=BaseModel)


def one_line(text: str) -> str:
    """A title as one line, since it is drawn in lists and written into file names. Raises ValueError if no text is
    left."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("must have some text")
    return line


def of_some_size(text: str) -> str:
    """The text as it is. Raises ValueError if it is too long."""
    if len(text.encode()) > SYSTEM_MAX_BYTES:
        raise ValueError(f"must have at most {SYSTEM_MAX_BYTES:,} bytes")
    return text


Title = Annotated[str, Field(max_length=TITLE_MAX), AfterValidator(one_line)]


class Settings(BaseModel):
    """The settings of a thread's turns. The page sends them with each turn; here they are only stored."""

    model_config = ConfigDict(extra="ignore")

    model: str | None = Field(None, max_length=200, description="null: the pool's default.")
    system: Annotated[str, AfterValidator(of_some_size)] | None = Field(None, description="The system prompt.")
    think: bool | Literal["low", "medium", "high"] | None = Field(None, description="null: the model's default.")
    options: Options = Field(default_factory=Options, description="Sampling options; those left out are the model's.")

    def stored(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class NewThread(BaseModel):
    """The body of `POST /api/threads`. With an id the request may be repeated."""

    model_config = ConfigDict(extra="ignore")

    id: UsableThreadId | None = Field(None, description="Made by the caller, best a UUID; left out: made here.")
    title: Title | None = None
    settings: Settings = Field(default_factory=Settings)


class ThreadChange(BaseModel):
    """The body of `PATCH /api/threads/{id}`: what is left out stays as it is."""

    model_config = ConfigDict(extra="ignore")

    title: Title | None = Field(None, description="null: none; the next message, or the model, may give one.")
    archived: bool = False
    settings: Settings = Field(default_factory=Settings, description="The whole object.")
    head_id: UsableMessageId | None = Field(None, description="The leaf that is shown; null: the newest.")


class Feedback(BaseModel):
    """The body of `PUT …/feedback`. A rating of null takes the rating back."""

    model_config = ConfigDict(extra="ignore")

    rating: Literal["up", "down"] | None
    comment: str | None = Field(None, max_length=COMMENT_MAX)


def parse(kind: type[Parsed], body: dict[str, Any]) -> Parsed:
    """The body as this model. Raises Invalid, which names the first few problems."""
    try:
        return kind.model_validate(body, strict=True)
    except ValidationError as error:
        raise Invalid(explain(list(error.errors(include_url=False, include_input=False)))) from None


def parse_query(text: str) -> str:
    """The query of a search, its whitespace collapsed. Raises Invalid."""
    query = " ".join(text.split())
    if not query or len(query) > QUERY_MAX or "\0" in query:
        raise Invalid(f"q must have 1 to {QUERY_MAX} characters, and no NUL.", "invalid_query")
    return query


def thread_not_found(thread: ThreadId) -> NotFound:
    return NotFound(f"There is no thread {thread[:64]!r}; it may have been deleted.", "thread_not_found")


def message_not_found(message: MessageId) -> NotFound:
    return NotFound(f"There is no message {message[:64]!r} in this thread.", "message_not_found")
