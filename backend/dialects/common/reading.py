"""A request's body becomes a model: strictly, once, before anything is enqueued. Every complaint names its place."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, model_validator

from backend.errors import Invalid, explain

Model = TypeVar("Model", bound=BaseModel)


class NullIsAbsent(BaseModel):
    """A part of a request in which null stands for a field that is left out, as Go's decoder reads it."""

    @model_validator(mode="before")
    @classmethod
    def leave_out_nulls(cls, value: object) -> object:
        return without_nulls(value) if isinstance(value, dict) else value


def without_nulls(body: dict[str, Any]) -> dict[str, Any]:
    """Clients with typed requests send null for each field that their caller left out."""
    return {name: value for name, value in body.items() if value is not None}


def read_as(model: type[Model], body: dict[str, Any]) -> Model:
    """The body as this model. Raises Invalid, which names the first few mistakes."""
    try:
        return model.model_validate(without_nulls(body), strict=True)
    except ValidationError as error:
        raise Invalid(explain(list(error.errors(include_url=False, include_input=False)))) from None


def lowered(word: object) -> object:
    """A role as `User` or `SYSTEM`: clients write them so, and the protocols' own decoders read them."""
    return word.lower() if isinstance(word, str) else word


def bound_messages(body: dict[str, Any], most: int) -> None:
    """Raises Invalid for too many messages. To be called first: it is the cheap refusal."""
    messages = body.get("messages")
    if isinstance(messages, list) and len(messages) > most:
        raise Invalid(f"messages: {len(messages):,} are too many; at most {most:,}.", "too_many_messages")
