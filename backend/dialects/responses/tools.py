"""Tools of `/v1/responses`, and how the model is to choose of them; the same as a chat's, written with fewer braces.

Tools that run elsewhere are read as nothing but their kind, see `openai/elsewhere.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.dialects.common.tools import TOOLS_MAX, Name, Schema
from backend.dialects.openai.chat_request import Word
from backend.dialects.openai.elsewhere import runs_elsewhere

ELSEWHERE = "-"  # stands for the name of a tool that is no function: its kind may have none


def only_functions(value: object) -> object:
    """Only the kind of a tool that runs elsewhere is read: its other fields mean nothing here."""
    return {"type": value["type"], "name": ELSEWHERE} if isinstance(value, dict) and runs_elsewhere(value) else value


class FunctionTool(BaseModel):
    """A tool as it is offered. `type` is another word than `function` for a tool that runs elsewhere."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[str, Field(max_length=64)]
    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None

    _of_its_kind = model_validator(mode="before")(only_functions)

    def as_tool(self) -> dict[str, Any]:
        """The tool as a job carries it."""
        about = self.model_dump(exclude_none=True, exclude={"type"})
        return {"type": "function", "function": about}


class NamedTool(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Annotated[str, Field(max_length=64)] = "function"
    name: Name

    _of_its_kind = model_validator(mode="before")(only_functions)


class ResponseToolChoice(BaseModel):
    """A request's `tool_choice`; a word alone is its `type`."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["none", "auto", "required", "function", "allowed_tools"]
    name: Name | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[NamedTool] | None = Field(None, max_length=TOOLS_MAX)

    @model_validator(mode="after")
    def names_what_it_needs(self) -> ResponseToolChoice:
        if self.type == "function" and self.name is None:
            raise ValueError("type function needs the field name")
        if self.type == "allowed_tools" and not self.tools:
            raise ValueError("type allowed_tools needs the field tools")
        return self

    @property
    def word(self) -> Word:
        words: dict[str, Word] = {"none": "none", "auto": "auto", "allowed_tools": self.mode}
        return words.get(self.type, "required")

    @property
    def wanted(self) -> list[str] | None:
        """The tools that it names, None: it names none."""
        if self.type == "allowed_tools":
            return [tool.name for tool in self.tools or () if tool.type == "function"]
        return [str(self.name)] if self.type == "function" else None

    def as_sent(self) -> str | dict[str, Any]:
        """The choice as it was sent."""
        if self.type == "function":
            return {"type": self.type, "name": self.name}
        if self.type == "allowed_tools":
            return {"type": self.type, "mode": self.mode, "tools": [tool.model_dump() for tool in self.tools or ()]}
        return self.type


def as_choice(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Chosen = Annotated[
    ResponseToolChoice,
    BeforeValidator(as_choice, json_schema_input_type=Literal["none", "auto", "required"] | ResponseToolChoice),
]
